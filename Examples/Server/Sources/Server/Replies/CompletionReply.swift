import Foundation
import LongLM

/// The answer to a ``CompletionRequest``.
struct CompletionReply: Reply {
    private let kind: CompletionRequest.Kind
    private let id: String
    private let created = Int(Date().timeIntervalSince1970)
    private let model: String
    private let promptLength: Int
    private let includesUsage: Bool
    private var text = ""
    private var end: (reason: StopReason, statistics: GenerationStatistics)?

    init(to request: CompletionRequest, model: ServedModel) {
        kind = request.kind
        id = (kind == .chat ? "chatcmpl-" : "cmpl-") + UUID().uuidString.lowercased()
        self.model = model.name
        promptLength = request.work.prompts.reduce(0) { $0 + $1.count }
        includesUsage = request.includesUsage
    }

    // MARK: - A stream

    var beginning: [JSONValue] {
        kind == .chat ? [chunk(["role": "assistant", "content": "", "refusal": .null], nil)] : []
    }

    mutating func take(_ piece: Answer.Piece) -> [JSONValue] {
        switch piece {
        case .token(let token, _):
            if token.text.isEmpty { return [] }
            text += token.text
            return [kind == .chat ? chunk(["content": .string(token.text)], nil) : chunk(.string(token.text), nil)]
        case .end(let reason, let statistics, _):
            end = (reason, statistics)
            return [chunk(kind == .chat ? [:] : "", reason)]
        case .promptScores, .embedding: return []
        }
    }

    var ending: [JSONValue] { includesUsage ? [object(chunkName, choices: [], usage: usage)] : [] }

    private var chunkName: String { kind == .chat ? "chat.completion.chunk" : "text_completion" }

    private func chunk(_ content: JSONValue, _ reason: StopReason?) -> JSONValue {
        object(chunkName, choices: [choice((kind == .chat ? "delta" : "text", content), reason)], usage: .null)
    }

    // MARK: - One object

    var whole: JSONValue {
        let content: (String, JSONValue) =
            kind == .chat
            ? ("message", ["role": "assistant", "content": .string(text), "refusal": .null]) : ("text", .string(text))
        return object(
            kind == .chat ? "chat.completion" : "text_completion", choices: [choice(content, end?.reason)],
            usage: usage)
    }

    private func object(_ name: String, choices: [JSONValue], usage: JSONValue) -> JSONValue {
        [
            "id": .string(id), "object": .string(name), "created": .integer(created), "model": .string(model),
            "choices": .array(choices), "usage": usage,
        ]
    }

    private func choice(_ content: (name: String, value: JSONValue), _ reason: StopReason?) -> JSONValue {
        let reasonName: JSONValue =
            switch reason {
            case nil: .null
            case .endToken, .stopSequence, .constraint: "stop"
            case .tokenLimit, .capacity: "length"
            }
        return .object(["index": 0, content.name: content.value, "finish_reason": reasonName, "logprobs": .null])
    }

    private var usage: JSONValue {
        let answerLength = end?.statistics.generatedTokenCount ?? 0
        return [
            "prompt_tokens": .integer(promptLength), "completion_tokens": .integer(answerLength),
            "total_tokens": .integer(promptLength + answerLength),
            "prompt_tokens_details": ["cached_tokens": .integer(end?.statistics.reusedTokenCount ?? 0)],
        ]
    }
}
