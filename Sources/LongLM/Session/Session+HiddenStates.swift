/// How the hidden states of a text's tokens become one vector.
public enum EmbeddingPooling: String, Sendable, CaseIterable {
    /// Their mean.
    case mean
    /// Those of the last token, which alone has seen the whole text.
    case last
}

extension Session {
    /// Processes tokens as ``prefill(_:progress:)`` does, and returns their last hidden states: the stream after the last
    /// layer and the last normalisation, which the projection onto the vocabulary reads.
    ///
    /// Afterwards, the session holds the tokens, but ``logits`` are empty: none are computed. The bits of hidden states are
    /// as reproducible as those of logits.
    ///
    /// - Parameters:
    ///   - tokens: At least one. The memory of their hidden states is reserved during the call.
    ///   - progress: Called after each pass with how many of `tokens` have been processed.
    /// - Returns: [tokens.count, ``ModelConfiguration/hiddenSize``], row by row.
    /// - Throws: ``SessionError`` as ``prefill(_:progress:)``, and ``SessionError/memory(_:)`` if there is not enough for
    ///   the hidden states.
    public func hiddenStates(
        of tokens: [Int], progress: ((Int) -> Void)? = nil
    ) throws(SessionError) -> [Float] {
        try forEachHiddenStates(of: tokens, rowLimit: tokens.count, progress) { _ in }
    }

    /// Processes tokens as ``hiddenStates(of:progress:)`` does, and returns one vector for all of them.
    ///
    /// Sums run over the tokens in their order, in double precision. To embed another text with the same session,
    /// truncate it to 0 first: otherwise the new tokens continue the old ones.
    ///
    /// - Parameters:
    ///   - tokens: At least one.
    ///   - pooling: How the tokens' hidden states become one vector.
    ///   - isNormalized: Whether the vector is divided by its Euclidean length, so that products of such vectors are
    ///     cosines. A vector of zeros stays as it is.
    ///   - progress: Called after each pass with how many of `tokens` have been processed.
    /// - Returns: [``ModelConfiguration/hiddenSize``].
    /// - Throws: As ``hiddenStates(of:progress:)``; the memory is that of up to 512 tokens.
    public func embedding(
        of tokens: [Int], pooling: EmbeddingPooling = .mean, isNormalized: Bool = false,
        progress: ((Int) -> Void)? = nil
    ) throws(SessionError) -> [Float] {
        let hiddenSize = model.configuration.hiddenSize
        var sum = [Double](repeating: 0, count: hiddenSize)
        let rowLimit = min(tokens.count, rowLimit)
        _ = try forEachHiddenStates(of: tokens, rowLimit: rowLimit, progress) { states in
            switch pooling {
            case .mean: for (index, number) in states.enumerated() { sum[index % hiddenSize] += Double(number) }
            case .last: sum = states.suffix(hiddenSize).map(Double.init)
            }
        }
        var divisor = pooling == .mean ? Double(tokens.count) : 1
        if isNormalized {
            let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
            divisor = length > 0 ? length : 1
        }
        return sum.map { Float($0 / divisor) }
    }

    /// Processes tokens and reads the hidden states of each pass.
    ///
    /// - Parameters:
    ///   - rowLimit: For how many rows there is memory: for all, or for those of one pass, which overwrites the last one's.
    ///   - read: Called after each pass with the hidden states of its tokens, row by row.
    /// - Returns: The memory, [rowLimit, hidden].
    private func forEachHiddenStates(
        of tokens: [Int], rowLimit: Int, _ progress: ((Int) -> Void)?, read: (UnsafeBufferPointer<Float>) -> Void
    ) throws(SessionError) -> [Float] {
        try tokens.withUnsafeBufferPointer { (tokens) throws(SessionError) in
            try check(tokens)
            let hiddenSize = model.configuration.hiddenSize
            let reservation = try reserveMemory(
                rowLimit * hiddenSize * MemoryLayout<Float>.stride, for: .hiddenStates(tokenCount: rowLimit))
            defer { withExtendedLifetime(reservation) {} }
            var all = [Float](repeating: 0, count: rowLimit * hiddenSize)
            try forEachPass(over: tokens, progress) { places in
                let first = places.upperBound <= rowLimit ? places.lowerBound : 0
                return all.withUnsafeMutableBufferPointer { all in
                    let states = all[(first * hiddenSize)..<((first + places.count) * hiddenSize)]
                    let output = UnsafeMutableBufferPointer(rebasing: states)
                    let isComplete = advance(
                        UnsafeBufferPointer(rebasing: tokens[places]), logitRows: 0..<0,
                        into: PassOutput(hiddenStates: output.baseAddress))
                    if isComplete { read(UnsafeBufferPointer(output)) }
                    return isComplete
                }
            }
            logits = []
            return all
        }
    }
}
