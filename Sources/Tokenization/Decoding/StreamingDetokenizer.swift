/// Decodes tokens one at a time, for text that is shown while it is generated.
///
/// A character can be spread over several tokens, which wait here until it is complete. In a vocabulary with byte fallback
/// a whole run of byte tokens waits for its end, because one wrong byte changes the text of the whole run. The texts that
/// ``append(_:)`` and ``finish()`` return, joined, are what ``Tokenizer/decode(_:skipSpecialTokens:)`` returns for all ids
/// at once.
public struct StreamingDetokenizer: Sendable {
    private let tokenizer: Tokenizer
    private let skipSpecialTokens: Bool
    private var decoder: DecoderChain

    init(tokenizer: Tokenizer, decoder: DecoderChain, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.decoder = decoder
        self.skipSpecialTokens = skipSpecialTokens
    }

    /// Adds a token.
    ///
    /// - Returns: the text that is complete by now and was not returned before. It may be empty.
    /// - Throws: `unknownTokenID`; the state is then as before the call.
    public mutating func append(_ id: Int) throws(TokenizerError) -> String {
        guard let token = try tokenizer.fragment(of: id, skipSpecialTokens: skipSpecialTokens) else { return "" }
        return decoder.decode([token])
    }

    /// Ends the stream.
    ///
    /// - Returns: the rest of the text, with U+FFFD for a character that was never completed. It may be empty. Afterwards
    ///   the detokenizer is as new.
    public mutating func finish() -> String {
        decoder.finish()
    }
}
