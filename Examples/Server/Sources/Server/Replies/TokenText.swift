import LongLM

/// A token as lists of log probabilities spell it.
struct TokenText: Sendable {
    /// Its text; where that isn't whole characters, `bytes:` and each byte as `\x` and two digits, as OpenAI writes it; of
    /// a token without text of its own, its name.
    let text: String
    /// nil: it has no text of its own.
    let bytes: [UInt8]?

    /// - Parameter startsText: Whether it is the first token of a text. Some tokenizers drop that one's space.
    init(_ id: Int, _ tokenizer: Tokenizer, startsText: Bool = false) {
        bytes = tokenizer.bytes(ofToken: id, startsText: startsText)
        if let bytes {
            text =
                String(validating: bytes, as: UTF8.self)
                ?? "bytes:" + bytes.map { "\\x" + ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined()
        } else {
            text = tokenizer.token(id: id) ?? ""
        }
    }
}
