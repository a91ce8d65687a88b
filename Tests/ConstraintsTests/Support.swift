import Constraints
import Foundation
import TestSupport

/// Vocabularies for tests.
enum TestVocabulary {
    /// Every byte, pieces of JSON, parts of words and of characters, and tokens that mean no text.
    static let spellings: [[UInt8]?] = {
        let pieces = [
            "{\"", "\":", "\": ", "\":\"", "\",\"", "\", \"", "\"}", "\"]", "},{", "[[", "]]", "[{", "}]", "\"\"", "{}",
            "[]", "true", "false", "null", "tru", "ue", "12", "00", "-1", "0.", ".5", "e1", "10", "\\n", "\\\"",
            "\\u00",
            "ab", "abc", "bc", "name", "ame", "\"name\"", " th", "the", "\n  ", ", ", ": ", "é", "€", "中文", "a", "a",
            "20", "-0", "T1", "🙂",
        ]
        let bytes = (0...255).map { [UInt8($0)] }
        // Halves of characters: of é, of €, and two continuations.
        let parts: [[UInt8]] = [[0x61, 0xC3], [0xA9, 0x62], [0xE2, 0x82], [0x82, 0xAC], [0x9F, 0x99]]
        return [nil] + bytes + pieces.map { Array($0.utf8) } + [[], nil] + parts
    }()

    static let tree = VocabularyTree(spellings)

    static func text(_ tokens: [Int]) -> String {
        String(decoding: tokens.flatMap { spellings[$0] ?? [] }, as: UTF8.self)
    }
}

/// What became of a text of random tokens.
enum RandomText: Equatable {
    case ended(String)
    case stuck(String)
    case tooLong(String)
}

extension Constraint {
    /// Chooses among the allowed tokens at random. After `patience` tokens it takes the end wherever it may, and prefers
    /// what closes a string, an array or an object.
    func randomText(
        tree: VocabularyTree = TestVocabulary.tree, patience: Int, limit: Int = 4_000, random: inout SeededGenerator
    ) throws -> RandomText {
        let matcher = try matcher(with: tree)
        var position = matcher.start()
        var bytes: [UInt8] = []
        for count in 0..<limit {
            if matcher.accepts(position),
                matcher.isFinal(position) || count > patience || Int.random(in: 0..<6, using: &random) == 0
            {
                return .ended(String(decoding: bytes, as: UTF8.self))
            }
            let tokens = matcher.mask(at: position).tokens
            guard var token = tokens.randomElement(using: &random) else {
                return .stuck(String(decoding: bytes, as: UTF8.self))
            }
            if count > patience {
                let closing = tokens.filter { id in
                    tree.bytes(of: id).map { $0.count == 1 && "\"]}".utf8.contains($0[$0.startIndex]) } ?? false
                }
                token = closing.randomElement(using: &random) ?? token
            }
            guard let next = matcher.advance(position, by: token) else {
                return .stuck(String(decoding: bytes, as: UTF8.self))
            }
            bytes += tree.bytes(of: token) ?? []
            position = matcher.trim(keeping: next)
        }
        return .tooLong(String(decoding: bytes, as: UTF8.self))
    }
}

/// All texts of some characters up to a length.
func allTexts(_ characters: [Character], upTo length: Int) -> [String] {
    var texts = [""]
    var last = [""]
    for _ in 0..<length {
        last = last.flatMap { text in characters.map { text + String($0) } }
        texts += last
    }
    return texts
}

/// The error that a body throws.
func constraintError(_ body: () throws(ConstraintError) -> Constraint) -> ConstraintError? {
    do throws(ConstraintError) {
        _ = try body()
        return nil
    } catch { return error }
}

/// How often random tests repeat: few times, or as often as LONGLM_CONSTRAINT_COUNT says.
let constraintCount = ProcessInfo.processInfo.environment["LONGLM_CONSTRAINT_COUNT"].flatMap { Int($0) } ?? 60
