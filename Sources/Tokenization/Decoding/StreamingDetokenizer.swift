/// Decodes tokens one at a time, for text that is shown while it is generated.
///
/// A character can be spread over several tokens; they wait here until it is complete. Of a vocabulary with byte
/// fallback a whole run of byte tokens waits for its end, because one wrong byte spoils all of them. What ``append(_:)``
/// and ``finish()`` return, put together, is what ``Tokenizer/decode(_:skipSpecialTokens:)`` returns for all ids at once.
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
    /// - Returns: the text that is complete by now and was not returned before; may be empty.
    /// - Throws: `unknownTokenID`; the state is then as before the call.
    public mutating func append(_ id: Int) throws(TokenizerError) -> String {
        guard let token = try tokenizer.fragment(of: id, skipSpecialTokens: skipSpecialTokens) else { return "" }
        return decoder.decode([token])
    }

    /// Ends the stream.
    ///
    /// - Returns: the rest of the text: U+FFFD for the bytes of a character that was never completed, and what was kept
    ///   back; empty if there is none. Afterwards the detokenizer is as new.
    public mutating func finish() -> String {
        decoder.finish()
    }
}
