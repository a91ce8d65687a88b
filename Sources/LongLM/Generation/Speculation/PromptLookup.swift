/// Finds where the end of a text stood before in the same text, and guesses that what followed there follows again
/// (Saxena, 2023: Prompt Lookup Decoding).
package struct PromptLookup {
    /// Matches longer than this count as this long.
    package static let maximumLength = 16

    /// The longest earlier occurrence of the text's end; of several, the last one.
    package struct Match: Equatable {
        /// The index of the token that followed.
        package var next: Int
        /// How many tokens of the text's end stood before it, at most ``maximumLength``.
        package var length: Int
    }

    package private(set) var match: Match?

    package init() {}

    /// Takes note of the text's next token.
    ///
    /// - Parameters:
    ///   - tokens: The text without its last token.
    ///   - last: The last token.
    package mutating func update(after tokens: [Int], _ last: Int) {
        if let match, match.next < tokens.count, tokens[match.next] == last {
            self.match = Match(next: match.next + 1, length: min(match.length + 1, Self.maximumLength))
        } else {
            match = Self.search(tokens, last)
        }
    }

    /// The tokens that followed the match. If they reach the text's end, they repeat from there.
    package func guess(_ count: Int, after tokens: [Int], _ last: Int) -> [Int] {
        guard let match else { return [] }
        var guess: [Int] = []
        for index in match.next..<(match.next + count) {
            if index < tokens.count {
                guess.append(tokens[index])
            } else {
                guess.append(index == tokens.count ? last : guess[index - tokens.count - 1])
            }
        }
        return guess
    }

    /// Compares the text's end with what stands before each earlier occurrence of its last token.
    private static func search(_ tokens: [Int], _ last: Int) -> Match? {
        tokens.withUnsafeBufferPointer { tokens in
            var best: Match?
            for index in tokens.indices.reversed() where tokens[index] == last {
                var length = 1
                while length < min(index + 1, maximumLength), tokens[index - length] == tokens[tokens.count - length] {
                    length += 1
                }
                if length > best?.length ?? 0 { best = Match(next: index + 1, length: length) }
                if length == maximumLength { break }
            }
            return best
        }
    }
}
