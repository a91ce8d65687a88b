import Foundation
import LongLM
import LongLMEvaluation
import TestSupport

/// The model of Fixtures/passkey-tiny: a token for each letter, trained for 256 of them.
struct PasskeyModel {
    static let directory = Fixtures.path("passkey-tiny")

    let model: LanguageModel
    let tokenizer: Tokenizer
    /// The words that it was trained with.
    let template: PasskeyTemplate

    init() throws {
        model = try LanguageModel(directory: Self.directory)
        tokenizer = try Tokenizer(contentsOfFile: Self.directory + "/tokenizer.json")
        template = try PasskeyTemplate(contentsOfFile: Self.directory + "/passkey.json")
    }

    /// Random words, `letterCount` letters in all.
    func words(letterCount: Int, seed: UInt64 = 1) -> String {
        var generator = SeededGenerator(seed: seed)
        var text = ""
        while text.count < letterCount { text += template.filler.randomElement(using: &generator) ?? " " }
        return String(text.prefix(letterCount))
    }

    /// Sentences of six random words, `letterCount` letters in all.
    func sentences(letterCount: Int, seed: UInt64 = 1) -> String {
        var generator = SeededGenerator(seed: seed)
        var text = ""
        while text.count < letterCount {
            let words = (0..<6).map { _ in template.filler.randomElement(using: &generator) ?? " " }
            text += String(words.joined().dropLast()) + ". "
        }
        return String(text.prefix(letterCount))
    }
}

/// −ln of a token's probability, all in double precision.
func loss(of token: Int, logits: ArraySlice<Float>) -> Double {
    let logits = logits.map { Double($0) }
    let greatest = logits.max() ?? 0
    return log(logits.reduce(0) { $0 + exp($1 - greatest) }) - (logits[token] - greatest)
}

/// The bytes of a file.
func contents(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }
