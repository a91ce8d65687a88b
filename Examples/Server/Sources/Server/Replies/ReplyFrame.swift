import Foundation
import LongLM

/// What all objects of one answer share, and the tokens that it took.
struct ReplyFrame: Sendable {
    private let id: String
    private let created = Int(Date().timeIntervalSince1970)
    private let model: String
    private let promptLengths: [Int]
    /// The prompt of each choice.
    private let prompts: [Int]
    private var answerLength = 0
    /// How many tokens of each prompt didn't have to be read; nil: not known yet.
    private var cachedLengths: [Int?]

    /// - Parameter prefix: What the answer's id begins with.
    init(_ prefix: String, _ work: TextWork, model: String) {
        id = prefix + UUID().uuidString.lowercased()
        self.model = model
        promptLengths = work.prompts.map(\.count)
        prompts = work.choices.map(\.prompt)
        cachedLengths = promptLengths.map { _ in nil }
    }

    /// Counts what a choice took.
    mutating func add(_ statistics: GenerationStatistics, choice: Int) {
        answerLength += statistics.generatedTokenCount
        // Choices of one prompt share what the first of them has read.
        let prompt = prompts[choice]
        let reused = min(statistics.reusedTokenCount, promptLengths[prompt])
        cachedLengths[prompt] = min(cachedLengths[prompt] ?? reused, reused)
    }

    /// The numbers of tokens.
    var usage: JSONValue {
        let promptLength = promptLengths.reduce(0, +)
        return [
            "prompt_tokens": .integer(promptLength), "completion_tokens": .integer(answerLength),
            "total_tokens": .integer(promptLength + answerLength),
            "prompt_tokens_details": ["cached_tokens": .integer(cachedLengths.reduce(0) { $0 + ($1 ?? 0) })],
        ]
    }

    func object(_ type: String, choices: [JSONValue], usage: JSONValue = .null) -> JSONValue {
        [
            "id": .string(id), "object": .string(type), "created": .integer(created), "model": .string(model),
            "choices": .array(choices), "usage": usage,
        ]
    }
}

extension StopReason {
    /// OpenAI's word for it.
    var name: JSONValue {
        switch self {
        case .endToken, .stopSequence, .constraint: "stop"
        case .tokenLimit, .capacity: "length"
        }
    }
}
