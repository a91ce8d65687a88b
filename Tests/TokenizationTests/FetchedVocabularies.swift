import Foundation
import TestSupport
import Tokenization

/// What Fixtures/fetch_vocabularies.py has fetched.
enum FetchedVocabularies {
    static func vocabulary(_ name: String) throws -> TokenizerVocabulary {
        let path = FetchedModel.vocabularies.directory + "/\(name).gguf"
        return try TokenizerVocabulary(file: path, metadata: GGUFMetadataReader.read(path))
    }

    /// Texts, and the ids that the original tokenizer gives them.
    static func texts(_ name: String) throws -> [(text: String, ids: [Int])] {
        let texts = try contents("\(name).inp").components(separatedBy: "\n__ggml_vocab_test__\n").dropLast()
        let lines = try contents("\(name).out").components(separatedBy: "\n").dropLast()
        guard texts.count == lines.count else { throw GGUFMetadataReader.Malformed() }
        return zip(texts, lines).map { ($0, $1.split(separator: " ").compactMap { Int($0) }) }
    }

    private static func contents(_ name: String) throws -> String {
        try String(
            decoding: Data(contentsOf: URL(filePath: FetchedModel.vocabularies.directory + "/" + name)), as: UTF8.self)
    }
}

extension TokenizerVocabulary {
    init(file: String, metadata: [String: Any]) {
        func value<Value>(_ key: String) -> Value? { metadata["tokenizer.ggml." + key] as? Value }
        func id(_ key: String) -> Int? { (value(key + "_token_id") as UInt32?).map(Int.init) }
        self.init(
            file: file, model: value("model") ?? "", pre: value("pre"), tokens: value("tokens") ?? [],
            tokenTypes: value("token_type"), scores: value("scores"), merges: value("merges"), beginningID: id("bos"),
            endID: id("eos"), endOfTurnID: id("eot"), endOfMessageID: id("eom"), unknownID: id("unknown"),
            paddingID: id("padding"), addsBeginning: value("add_bos_token"), addsEnd: value("add_eos_token"),
            addsSpacePrefix: value("add_space_prefix"), chatTemplate: metadata["tokenizer.chat_template"] as? String)
    }
}

/// Reads the keys of a GGUF file, of the types that vocabularies need.
struct GGUFMetadataReader {
    struct Malformed: Error {}

    private let bytes: [UInt8]
    private var position = 0

    static func read(_ path: String) throws -> [String: Any] {
        var reader = GGUFMetadataReader(bytes: Array(try Data(contentsOf: URL(filePath: path))))
        guard try reader.number(UInt32.self) == 0x4655_4747, try 2...3 ~= reader.number(UInt32.self) else {
            throw Malformed()
        }
        _ = try reader.number(UInt64.self)
        var values: [String: Any] = [:]
        for _ in 0..<(try reader.number(UInt64.self)) {
            let key = try reader.string()
            values[key] = try reader.value(type: reader.number(UInt32.self))
        }
        return values
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func number<Number: FixedWidthInteger>(_: Number.Type) throws -> Number {
        let size = MemoryLayout<Number>.size
        guard bytes.count - position >= size else { throw Malformed() }
        defer { position += size }
        return bytes.withUnsafeBytes {
            Number(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: Number.self))
        }
    }

    private mutating func string() throws -> String {
        guard let count = Int(exactly: try number(UInt64.self)), count <= bytes.count - position,
            let text = String(validating: bytes[position..<(position + count)], as: UTF8.self)
        else { throw Malformed() }
        position += count
        return text
    }

    private mutating func value(type: UInt32) throws -> Any {
        switch type {
        case 4: try number(UInt32.self)
        case 5: try number(Int32.self)
        case 6: Float(bitPattern: try number(UInt32.self))
        case 7: try number(UInt8.self) != 0
        case 8: try string()
        case 9: try array(type: number(UInt32.self))
        default: throw Malformed()
        }
    }

    private mutating func array(type: UInt32) throws -> Any {
        let count = try number(UInt64.self)
        func elements<Element>(_ element: () throws -> Element) rethrows -> [Element] {
            try (0..<count).map { _ in try element() }
        }
        switch type {
        case 5: return try elements { try number(Int32.self) }
        case 6: return try elements { Float(bitPattern: try number(UInt32.self)) }
        case 8: return try elements { try string() }
        default: throw Malformed()
        }
    }
}
