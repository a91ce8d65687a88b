extension Tokenizer {
    /// The bytes that a token adds to a text, for a token that stands for text: a byte-level token can be a part of a
    /// character, and the token `<0x0A>` of a vocabulary with byte fallback is one byte.
    ///
    /// - Parameters:
    ///   - id: Any number.
    ///   - startsText: Whether it is the first token of a text. A SentencePiece-style tokenizer drops that one's space.
    /// - Returns: nil for an id that no token has, and for special tokens, added ones that are spelled as control tokens
    ///   are, and the one for unknown characters.
    public func bytes(ofToken id: Int, startsText: Bool = false) -> [UInt8]? {
        guard let spelling = model.vocabulary.spelling(of: id), !isSpecial(id), !isSpelledAsControl(id),
            model.options.unknownToken.map({ Int($0.id) != id }) ?? true
        else { return nil }
        if decoder.steps.contains(where: { $0 is ByteLevelDecoder }) {
            var bytes: [UInt8] = []
            ByteLevelAlphabet.decode(spelling, to: &bytes)
            return bytes
        }
        if decoder.steps.contains(where: { $0 is ByteFallbackDecoder }), let byte = ByteFallbackDecoder.byte(spelling),
            // A decoder that strips a text's first space strips one that is spelled as a byte, too.
            !startsText || byte >= 0x80
        {
            return [byte]
        }
        // What the decoder makes of the token between others: some of its steps look at a text's first token, or put
        // something between tokens.
        let neighbor = TokenFragment(bytes: ArraySlice("a".utf8))
        var chain = decoder
        let before = startsText ? "" : chain.decode([neighbor])
        let with = before + chain.decode([TokenFragment(bytes: spelling), neighbor]) + chain.finish()
        var other = decoder
        let without = other.decode(startsText ? [neighbor] : [neighbor, neighbor]) + other.finish()
        let start = startsText ? 0 : 1
        // The last neighbor, and what the decoder puts before it, is no part of the token.
        let ending = startsText ? without.utf8.count : without.utf8.count - 1
        let bytes = Array(with.utf8)
        guard bytes.count >= start + ending else { return [] }
        return Array(bytes[start..<(bytes.count - ending)])
    }

    /// Whether tokens without text of their own, such as the one that begins a text, are all that these ids stand for.
    package func startsText(after ids: [Int]) -> Bool {
        ids.allSatisfy { id in isSpecial(id) || model.vocabulary.spelling(of: id) == nil }
    }
}
