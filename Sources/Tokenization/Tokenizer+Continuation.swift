extension Tokenizer {
    /// The token ids of a text and of its continuation, as they stand when both are one text.
    ///
    /// Both are encoded together, because that is how a model has seen texts in training: often the last characters of a
    /// text and the first of its continuation share a token. The continuation begins with the first token that the text
    /// alone doesn't have in that place, so a shared token counts to the continuation. In particular, a space at the end
    /// of the text goes to a word at the beginning of the continuation if the vocabulary has the two as one token.
    ///
    /// - Parameters:
    ///   - text: The text. It is encoded as a whole text, with the special tokens in front.
    ///   - continuation: What follows it.
    /// - Returns: The ids of both. Together they are those of the whole.
    public func encode(_ text: String, continuation: String) -> (text: [Int], continuation: [Int]) {
        let prefix = template.prefix
        let whole = encode(text + continuation, addSpecialTokens: false)
        let alone = encode(text, addSpecialTokens: false)
        let common = zip(whole, alone).prefix { $0 == $1 }.count
        return (prefix + whole[..<common], Array(whole[common...]))
    }
}
