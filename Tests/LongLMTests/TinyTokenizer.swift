import LongLM
import Tokenization

/// A tokenizer whose vocabulary is as large as `TinyLlama`'s: letters, digits, the bytes of é and €, four merged pairs,
/// and the control tokens of ChatML as its last two.
enum TinyTokenizer {
    static let size = 67
    static let start = 65
    /// What ends a message.
    static let end = 66
    /// Begins and ends nothing by itself.
    static let format = ChatFormat.chatML(defaultSystemPrompt: nil)

    /// - Parameter size: How many of the tokens to keep, so that a model has others that the tokenizer doesn't know.
    static func make(size: Int = size) throws(TokenizerError) -> Tokenizer {
        try Tokenizer(json: Array(json(size: size).utf8), name: "tiny.json")
    }

    /// The text of its tokenizer.json.
    static func json(size: Int = size) -> String {
        let letters = (0..<26).map { String(UnicodeScalar(UInt8(97 + $0))) }
        let capitals = (0..<10).map { String(UnicodeScalar(UInt8(65 + $0))) }
        // Bytes are written as scalars: a space as Ġ, a line's end as Ċ, é as Ã©, € as âĤ¬.
        let others = ["Ġ", "Ċ", ".", "?", "!", "Ã", "©", "â", "Ĥ", "¬", "'", ",", ":", "-", ";"]
        let merged = ["th", "he", "ab", "bc"]
        let texts = letters + (0..<10).map(String.init) + others + capitals + merged
        precondition(texts.count == start, "the control tokens are the last two")
        let vocabulary = texts.prefix(size).enumerated().map { #""\#($0.element)":\#($0.offset)"# }
        let controls = ["<|im_start|>", "<|im_end|>"].enumerated().map { index, text in
            #"{"id":\#(start + index),"content":"\#(text)","single_word":false,"lstrip":false,"rstrip":false,"#
                + #""normalized":false,"special":true}"#
        }
        return """
            {"added_tokens":[\(controls.prefix(max(0, size - start)).joined(separator: ","))],"normalizer":null,
            "pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":false},"post_processor":null,
            "decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{\(vocabulary.joined(separator: ","))},
            "merges":[\(size < start ? "" : #"["t","h"],["h","e"],["a","b"],["b","c"]"#)]}}
            """
    }
}

/// Chooses given tokens, whatever the logits are, and the last of them again and again.
struct ScriptedSampler: Sampler {
    var tokens: [Int]

    mutating func sample(_ logits: [Float]) -> Int { tokens.count > 1 ? tokens.removeFirst() : tokens[0] }
}

extension Generation {
    /// All that is left of it.
    func rest() throws(GenerationError) -> [GeneratedToken] {
        var tokens: [GeneratedToken] = []
        while let token = try next() { tokens.append(token) }
        return tokens
    }
}

/// A session, or what holds one, that one task makes and another one alone uses.
struct Transferred<Value>: @unchecked Sendable {
    // `@unchecked`: only one task at a time reads it.
    let value: Value
}

/// The error that a body throws.
func thrownError<Failure: Error>(_ body: () throws(Failure) -> Void) -> Failure? {
    do throws(Failure) {
        try body()
        return nil
    } catch { return error }
}
