import Foundation
import TestSupport
import Testing
import Tokenization

/// Files beside the tests, written by Fixtures/make_tokenizer_goldens.py.
enum Goldens {
    /// The tokenizers whose file is among the goldens.
    static let names = ["gpt2", "smollm2", "llama3", "qwen2", "flags"]

    static func url(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens/\(name).json")
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: url(name)))
    }

    static func texts() throws -> [String] { try decode([String].self, "texts") }

    static func tokenizer(_ name: String) throws -> Tokenizer {
        try Tokenizer(contentsOfFile: url("\(name).tokenizer").path(percentEncoded: false))
    }
}

/// What the Python package makes of the texts with one tokenizer.
struct Golden: Decodable {
    struct Decode: Decodable {
        let ids: [Int]
        let text: String
        let withoutSpecialTokens: String
    }

    let vocabularySize: Int
    let ids: [[Int]]
    let plainIds: [String: [Int]]
    let decoded: [String: String]
    let decodes: [Decode]

    init(_ name: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Golden.self, from: Data(contentsOf: Goldens.url("\(name).golden")))
    }
}

/// Texts are compared by scalars: `==` on strings takes canonically equivalent ones for equal.
func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }

extension SeededGenerator {
    /// Any scalars, most of them of one to three bytes.
    mutating func text(maximumCount: Int) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...maximumCount, using: &self) {
            let limit = [0x80, 0x800, 0x3000, 0x10000, 0x110000].randomElement(using: &self) ?? 0x80
            if let scalar = Unicode.Scalar(UInt32.random(in: 0..<UInt32(limit), using: &self)) { text.append(scalar) }
        }
        return String(text)
    }
}

/// A tiny but complete tokenizer.json with single parts replaced: tokens a, b, ab, the bytes of é, and added tokens.
func tokenizerJSON(
    addedTokens: String = #"[{"id":6,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"#
        + #""normalized":false,"special":true}]"#,
    normalizer: String = "null",
    preTokenizer: String = #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}"#,
    postProcessor: String = "null",
    decoder: String = #"{"type":"ByteLevel"}"#,
    type: String = #""BPE""#,
    options: String = "",
    vocabulary: String = #"{"a":0,"b":1,"ab":2,"Ã":3,"©":4,"Ġ":5}"#,
    merges: String = #"[["a","b"]]"#
) -> String {
    """
    {"added_tokens":\(addedTokens),"normalizer":\(normalizer),"pre_tokenizer":\(preTokenizer),
    "post_processor":\(postProcessor),"decoder":\(decoder),
    "model":{"type":\(type)\(options),"vocab":\(vocabulary),"merges":\(merges)}}
    """
}

func load(_ json: String) throws(TokenizerError) -> Tokenizer {
    try Tokenizer(json: Array(json.utf8), name: "t.json")
}
