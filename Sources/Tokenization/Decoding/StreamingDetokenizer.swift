/// Decodes tokens one at a time, for text that is shown while it is generated.
///
/// A character can be spread over several tokens, which wait here until it is complete. In a vocabulary with byte fallback
/// a whole run of byte tokens waits for its end, because one wrong byte changes the text of the whole run. The texts that
/// ``append(_:)`` and ``finish()`` return, joined, are what ``Tokenizer/decode(_:skipSpecialTokens:)`` returns for all ids
/// at once.
///
/// One that is made with a prompt decodes its continuation: the prompt's text and the texts that it returns, joined, are
/// what ``Tokenizer/decode(_:skipSpecialTokens:)`` returns for all ids at once. A SentencePiece-style tokenizer drops the
/// space of a text's first token, but not of a continuation's.
public struct StreamingDetokenizer: Sendable {
    private let tokenizer: Tokenizer
    private let skipSpecialTokens: Bool
    /// The special tokens that have text nevertheless.
    private let kept: Set<Int>
    private var decoder: DecoderChain
    /// The end of the prompt's text, as far as the decoder still holds it: it is not a part of the continuation.
    private var promptRest = Substring.UnicodeScalarView()

    init(
        tokenizer: Tokenizer, decoder: DecoderChain, skipSpecialTokens: Bool, keeping kept: Set<Int>, prompt: [Int]
    ) {
        self.tokenizer = tokenizer
        self.decoder = decoder
        self.skipSpecialTokens = skipSpecialTokens
        self.kept = kept
        if !prompt.isEmpty { skip(prompt) }
    }

    /// Decodes a prompt and forgets its text. Ids that no token has are left out.
    private mutating func skip(_ prompt: [Int]) {
        // In parts, so that a long prompt needs little memory.
        var tokens: [TokenFragment] = []
        for id in prompt {
            if let token = try? fragment(of: id) {
                tokens.append(token)
            }
            if tokens.count == 1_024 {
                decoder.skip(tokens)
                tokens.removeAll(keepingCapacity: true)
            }
        }
        decoder.skip(tokens)
        var ended = decoder
        promptRest = Substring(ended.finish()).unicodeScalars
    }

    /// A token for the decoder; nil for a special one that is skipped.
    private func fragment(of id: Int) throws(TokenizerError) -> TokenFragment? {
        try tokenizer.fragment(of: id, skipSpecialTokens: skipSpecialTokens && !kept.contains(id))
    }

    /// Adds a token.
    ///
    /// - Returns: the text that is complete by now and was not returned before. It may be empty.
    /// - Throws: `unknownTokenID`; the state is then as before the call.
    public mutating func append(_ id: Int) throws(TokenizerError) -> String {
        guard let token = try fragment(of: id) else { return "" }
        return withoutPrompt(decoder.decode([token]))
    }

    /// Ends the stream.
    ///
    /// - Returns: the rest of the text, with U+FFFD for a character that was never completed. It may be empty. Afterwards
    ///   the detokenizer is as new, without a prompt.
    public mutating func finish() -> String {
        defer { promptRest = Substring.UnicodeScalarView() }
        return withoutPrompt(decoder.finish())
    }

    /// A text without what belongs to the prompt. Where the continuation completes a character that the prompt has begun,
    /// the prompt's text alone ends otherwise, and nothing is left out.
    private mutating func withoutPrompt(_ text: String) -> String {
        if promptRest.isEmpty || text.isEmpty { return text }
        var rest = Substring(text).unicodeScalars
        while let scalar = rest.first, scalar == promptRest.first {
            rest.removeFirst()
            promptRest.removeFirst()
        }
        if !rest.isEmpty { promptRest = Substring.UnicodeScalarView() }
        return String(rest)
    }
}
