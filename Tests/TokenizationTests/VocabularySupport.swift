import Foundation
import Tokenization

/// Small vocabularies of GGUF files.
enum SmallVocabulary {
    /// All characters of the byte-level alphabet, by code point, then some words and three control tokens.
    static let byteLevel: TokenizerVocabulary = {
        var tokens: [String] = []
        for value in 0x21...0x143 as ClosedRange<UInt32> where !(0x7F...0xA0).contains(value) && value != 0xAD {
            tokens.append(String(Unicode.Scalar(value) ?? "?"))
        }
        let merges = ["h e", "Ġ t", "Ġt he", "l l", "he ll", "hell o", "1 2", "Ã ©"]
        tokens += merges.map { $0.replacing(" ", with: "") }
        tokens += ["<|end|>", "<|start|>", "<tool>", "[PAD\(tokens.count + 3)]"]
        let types = Array(repeating: 1 as Int32, count: tokens.count - 4) + [3, 3, 4, 4]
        return TokenizerVocabulary(
            file: "v.gguf", model: "gpt2", pre: "gpt-2", tokens: tokens, tokenTypes: types, merges: merges,
            beginningID: tokens.count - 3, endID: tokens.count - 4)
    }()

    /// The byte tokens, letters and some words with scores.
    static let sentencePiece: TokenizerVocabulary = {
        var tokens = ["<unk>", "<s>", "</s>"]
        var types: [Int32] = [2, 3, 3]
        for byte in 0...UInt8.max {
            tokens.append(String(format: "<0x%02X>", byte))
            types.append(6)
        }
        var scores = [Float](repeating: 0, count: tokens.count)
        for (index, token) in ["▁t", "he", "▁the", "▁a", "ab", "▁", "a", "b", "e", "h", "t", "é"].enumerated() {
            tokens.append(token)
            types.append(1)
            scores.append(-Float(index))
        }
        for (token, type) in [("  ", 4), ("<tag>", 4), ("x y", 4), ("unused", 5)] as [(String, Int32)] {
            tokens.append(token)
            types.append(type)
            scores.append(-1000)
        }
        return TokenizerVocabulary(
            file: "v.gguf", model: "llama", tokens: tokens, tokenTypes: types, scores: scores, beginningID: 1, endID: 2,
            unknownID: 0)
    }()
}

extension TokenizerVocabulary {
    /// The same with some changes.
    func with(_ change: (inout TokenizerVocabulary) -> Void) -> TokenizerVocabulary {
        var changed = self
        change(&changed)
        return changed
    }

    /// The ids of tokens by their spelling here.
    func ids(_ tokens: String...) -> [Int] {
        tokens.map { token in self.tokens.firstIndex { scalars($0) == scalars(token) } ?? -1 }
    }
}
