import Foundation
import LongLM

/// The objects in which OpenAI's clients expect an answer.
struct Reply: Sendable {
    private let kind: CompletionRequest.Kind
    private let id: String
    private let created = Int(Date().timeIntervalSince1970)
    private let model: String
    private let promptLength: Int

    init(to request: CompletionRequest, model: ServedModel) {
        kind = request.kind
        id = (kind == .chat ? "chatcmpl-" : "cmpl-") + UUID().uuidString.lowercased()
        self.model = model.name
        promptLength = request.prompt.count
    }

    /// The whole answer at once.
    func whole(_ text: String, _ reason: StopReason, _ statistics: GenerationStatistics) -> JSONValue {
        let content: (String, JSONValue) =
            kind == .chat
            ? ("message", ["role": "assistant", "content": .string(text), "refusal": .null]) : ("text", .string(text))
        return object(
            kind == .chat ? "chat.completion" : "text_completion", choices: [choice(content, reason)],
            usage: usage(statistics))
    }

    /// The beginning of a streamed answer; nil: there is none.
    var beginning: JSONValue? {
        kind == .chat ? chunk(["role": "assistant", "content": "", "refusal": .null], nil) : nil
    }

    /// A piece of a streamed answer.
    func piece(_ text: String) -> JSONValue {
        kind == .chat ? chunk(["content": .string(text)], nil) : chunk(.string(text), nil)
    }

    /// The end of a streamed answer.
    func end(_ reason: StopReason) -> JSONValue { chunk(kind == .chat ? [:] : "", reason) }

    /// What follows the end, for those who asked for it.
    func usageChunk(_ statistics: GenerationStatistics) -> JSONValue {
        object(chunkName, choices: [], usage: usage(statistics))
    }

    private var chunkName: String { kind == .chat ? "chat.completion.chunk" : "text_completion" }

    private func chunk(_ content: JSONValue, _ reason: StopReason?) -> JSONValue {
        object(chunkName, choices: [choice((kind == .chat ? "delta" : "text", content), reason)], usage: .null)
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

    private func usage(_ statistics: GenerationStatistics) -> JSONValue {
        let answerLength = statistics.generatedTokenCount
        return [
            "prompt_tokens": .integer(promptLength), "completion_tokens": .integer(answerLength),
            "total_tokens": .integer(promptLength + answerLength),
            "prompt_tokens_details": ["cached_tokens": .integer(statistics.reusedTokenCount)],
        ]
    }
}
