import Foundation
import LongLM

/// What all objects of one answer share, and the tokens that it took.
struct ReplyFrame: Sendable {
    private let id: String
    private let created = Int(Date().timeIntervalSince1970)
    private let model: String
    /// The tokens of all prompts.
    private let promptLength: Int
    private var answerLength = 0
    private var reuse: PromptReuse

    /// - Parameter prefix: What the answer's id begins with.
    init(_ prefix: String, _ work: TextWork, model: String) {
        id = prefix + UUID().uuidString.lowercased()
        self.model = model
        promptLength = work.prompts.reduce(0) { $0 + $1.count }
        reuse = PromptReuse(work)
    }

    /// Counts what a choice took.
    mutating func add(_ statistics: GenerationStatistics, choice: Int) {
        answerLength += statistics.generatedTokenCount
        reuse.add(statistics, choice: choice)
    }

    /// The numbers of tokens.
    var usage: JSONValue {
        [
            "prompt_tokens": .integer(promptLength), "completion_tokens": .integer(answerLength),
            "total_tokens": .integer(promptLength + answerLength),
            "prompt_tokens_details": ["cached_tokens": .integer(reuse.tokenCount)],
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
