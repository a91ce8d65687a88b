import SIMDKernels

/// Tokens that a pass has processed beyond a session's text because they were expected to follow, and the logits after each.
/// Their keys and values lie in the session's cache, behind those of the text.
struct Lookahead {
    /// The most rows of a pass with expected tokens: the token that is decoded, and those expected after it.
    static let maximumRowCount = 16

    /// The expected tokens that haven't been decoded yet.
    private(set) var tokens: ArraySlice<Int> = []
    /// [maximumRowCount, V]: row r + 1 has the logits after the expected token r; nil before the first use.
    private var logits: AlignedBuffer?
    private var reservation: MemoryReservation?

    /// The memory of the logits, in bytes.
    var byteCount: Int { logits?.byteCount ?? 0 }

    /// Where a pass writes the logits of its rows; nil if there isn't enough memory for them.
    mutating func makeRoom(_ model: LanguageModel) -> UnsafeMutableBufferPointer<Float>? {
        tokens = []
        let count = Self.maximumRowCount * model.configuration.vocabularySize
        if logits == nil {
            reservation = try? model.memory.reserve(
                count * MemoryLayout<Float>.stride, for: .logits(tokenCount: Self.maximumRowCount))
            if reservation == nil { return nil }
            logits = AlignedBuffer(floatCount: count)
        }
        return logits.map { UnsafeMutableBufferPointer(start: $0.floats, count: count) }
    }

    /// Keeps what a pass has processed: the rows after its first.
    mutating func keep(_ tokens: some Collection<Int>, vocabularySize: Int) {
        self.tokens = Array(tokens)[...]
        let written = (tokens.count + 1) * vocabularySize * MemoryLayout<Float>.stride
        if let reservation { reservation.usedByteCount = max(reservation.usedByteCount, written) }
    }

    /// Removes the next expected token, if it is the one that is decoded.
    ///
    /// - Returns: Its logits [V], until the next pass; nil if another token was expected, or none.
    mutating func take(_ token: Int, vocabularySize: Int) -> UnsafeBufferPointer<Float>? {
        guard let logits, tokens.first == token else { return nil }
        let row = tokens.startIndex + 1
        tokens.removeFirst()
        return UnsafeBufferPointer(start: logits.floats + row * vocabularySize, count: vocabularySize)
    }

    /// Forgets all expected tokens.
    mutating func removeAll() { tokens = [] }
}
