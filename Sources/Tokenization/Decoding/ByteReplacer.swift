/// Replaces a text in a stream of bytes, by the method of Knuth, Morris and Pratt (1977): time is linear in the length of
/// the stream, however often the text nearly occurs.
struct ByteReplacer: Sendable {
    private let pattern: [UInt8]
    /// How much of the pattern still matches where one more byte than this many doesn't.
    private let fallback: [Int]
    /// How many of the last bytes are the beginning of the pattern. They wait.
    private var matched = 0

    /// - Parameter pattern: not empty.
    init(_ pattern: [UInt8]) {
        self.pattern = pattern
        var fallback = [0]
        var length = 0
        for byte in pattern.dropFirst() {
            while length > 0, byte != pattern[length] { length = fallback[length - 1] }
            if byte == pattern[length] { length += 1 }
            fallback.append(length)
        }
        self.fallback = fallback
    }

    /// Whether no bytes wait.
    var isIdle: Bool { matched == 0 }

    /// What is certain after some more bytes.
    mutating func replace(_ bytes: ArraySlice<UInt8>, by content: [UInt8]) -> [UInt8] {
        var replaced: [UInt8] = []
        replaced.reserveCapacity(bytes.count)
        for byte in bytes {
            while matched > 0, byte != pattern[matched] {
                let shorter = fallback[matched - 1]
                replaced += pattern[..<(matched - shorter)]
                matched = shorter
            }
            guard byte == pattern[matched] else {
                replaced.append(byte)
                continue
            }
            matched += 1
            if matched == pattern.count {
                replaced += content
                matched = 0
            }
        }
        return replaced
    }

    /// The bytes that wait, at the end of the stream.
    mutating func finish() -> ArraySlice<UInt8> {
        defer { matched = 0 }
        return pattern[..<matched]
    }
}
