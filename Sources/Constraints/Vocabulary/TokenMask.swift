/// A set of tokens, one bit each.
package struct TokenMask: Sendable, Equatable {
    private(set) var words: [UInt64]

    init(count: Int) { words = [UInt64](repeating: 0, count: (count + 63) / 64) }

    mutating func insert(_ token: Int) { words[token >> 6] |= 1 << UInt64(token & 63) }
    mutating func remove(_ token: Int) { words[token >> 6] &= ~(1 << UInt64(token & 63)) }

    /// Whether a token is in the set.
    package func contains(_ token: Int) -> Bool {
        token >= 0 && token >> 6 < words.count && words[token >> 6] >> UInt64(token & 63) & 1 == 1
    }

    /// Whether the set has no token.
    package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

    /// The tokens, ascending.
    package var tokens: [Int] {
        var tokens: [Int] = []
        for (index, word) in words.enumerated() {
            var rest = word
            while rest != 0 {
                tokens.append(index * 64 + rest.trailingZeroBitCount)
                rest &= rest - 1
            }
        }
        return tokens
    }

    /// Sets the logits of all other tokens to negative infinity.
    ///
    /// - Parameter logits: [V]. Tokens beyond the set's are others, too.
    package func apply(to logits: inout [Float]) {
        logits.withUnsafeMutableBufferPointer { logits in
            for (index, word) in words.enumerated() where word != .max {
                let start = index * 64
                guard start < logits.count else { return }
                let end = min(start + 64, logits.count)
                if word == 0 {
                    for token in start..<end { logits[token] = -.infinity }
                    continue
                }
                var rest = ~word
                while rest != 0 {
                    let token = start + rest.trailingZeroBitCount
                    rest &= rest - 1
                    if token < end { logits[token] = -.infinity }
                }
            }
            let covered = min(words.count * 64, logits.count)
            for token in covered..<logits.count { logits[token] = -.infinity }
        }
    }
}
