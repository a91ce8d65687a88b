import Foundation
import TestSupport
import Testing
import Tokenization

/// Files beside the tests, written by Fixtures/make_tokenizer_goldens.py.
enum Goldens {
    /// The tokenizers whose file is among the goldens.
    static let names = [
        "gpt2", "smollm2", "llama3", "qwen2", "flags", "neox", "o200k", "llama2", "phi3", "mistral", "metaspace",
        "gemma",
        "composed", "decomposed",
    ]

    static func url(_ name: String) -> URL {
        URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens/\(name).json")
    }

    static func decode<Value: Decodable>(_ type: Value.Type, _ name: String) throws -> Value {
        try JSONDecoder().decode(type, from: Data(contentsOf: url(name)))
    }

    /// The texts that goldens are about.
    struct Texts: Decodable {
        /// Those that were written by hand.
        let written: [String]
        /// The others: random ones, then long runs.
        let others: [String]

        private enum CodingKeys: CodingKey { case written, random, runs }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            written = try container.decode([String].self, forKey: .written)
            var others = try container.decode([String].self, forKey: .random)
            var runs = try container.nestedUnkeyedContainer(forKey: .runs)
            while !runs.isAtEnd {
                var run = try runs.nestedUnkeyedContainer()
                let unit = try run.decode(String.self)
                others.append(String(repeating: unit, count: try run.decode(Int.self)))
            }
            self.others = others
        }
    }

    static let texts = Result { try decode(Texts.self, "texts") }

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
    /// Of the written texts.
    let ids: [[Int]]
    /// Of the written texts, where special tokens are ordinary text and that makes a difference.
    let plainIds: [String: [Int]]
    /// What the ids are decoded to, where it is not the text.
    let decoded: [String: String]
    /// Hashes of the same for the other texts.
    let idHashes: Hashes
    let plainIdHashes: Hashes
    let decodedHashes: Hashes
    let decodes: [Decode]

    init(_ name: String) throws {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Golden.self, from: Data(contentsOf: Goldens.url("\(name).golden")))
    }
}

/// FNV-1a of 32 bits of many values.
struct Hashes: Decodable {
    let values: [UInt32]

    init(from decoder: any Decoder) throws {
        let bytes = try decoder.singleValueContainer().decode(Data.self)
        values = stride(from: 0, to: bytes.count, by: 4).map { start in
            bytes[start..<(start + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    static func hash(_ text: String) -> UInt32 { hash(text.utf8) }

    static func hash(_ ids: [Int]) -> UInt32 {
        hash(ids.lazy.flatMap { id in (0..<4).map { UInt8(truncatingIfNeeded: id >> ($0 * 8)) } })
    }

    private static func hash(_ bytes: some Sequence<UInt8>) -> UInt32 {
        bytes.reduce(0x811C_9DC5) { ($0 ^ UInt32($1)) &* 0x0100_0193 }
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
