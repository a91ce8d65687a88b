import Foundation
import LongLM

/// A request for a text, read and checked.
struct CompletionRequest: Sendable {
    /// Which of the two endpoints.
    enum Kind: Sendable { case chat, text }

    let kind: Kind
    let work: TextWork
    /// Whether the answer is sent while it is produced.
    let isStream: Bool
    /// Whether a stream ends with the number of tokens.
    let includesUsage: Bool

    /// Fields of OpenAI's that this server doesn't have, with the values that ask for nothing.
    private static let neutral: [String: JSONValue] = [
        "n": 1, "best_of": 1, "echo": false, "logprobs": false, "store": false, "response_format": ["type": "text"],
        "modalities": ["text"], "tools": [], "tool_choice": "none", "service_tier": "auto", "top_logprobs": 0,
    ]

    init(_ kind: Kind, body: Data, model: ServedModel) throws(APIError) {
        self.kind = kind
        var fields = try Fields(body: body)
        guard let name = try fields.string("model") else { throw .invalid("model is missing.", field: "model") }
        guard model.names.contains(name) else { throw .unknownModel(name) }
        let prompt =
            switch kind {
            case .chat: try Self.chatPrompt(&fields, model)
            case .text: try Self.textPrompt(&fields, model)
            }

        isStream = try fields.bool("stream") ?? false
        includesUsage = try Self.usage(&fields, isStream: isStream)
        let answerLength = try Self.answerLength(&fields, kind, promptLength: prompt.count, model)
        let options = GenerationOptions(
            tokenLimit: answerLength, sampler: try Self.sampler(&fields),
            processors: try Self.processors(&fields, promptLength: prompt.count, model),
            endTokens: kind == .chat ? model.chatEndTokens : nil, stopSequences: try Self.stops(&fields),
            startsText: kind == .chat)
        work = TextWork(
            prompts: [prompt], choices: [TextWork.Choice(prompt: 0, options: options)], promptAlternativeCount: nil)
        // They are about the client, not about the answer.
        for field in ["user", "metadata", "safety_identifier", "prompt_cache_key"] { _ = fields.value(field) }
        try fields.end(neutral: Self.neutral)
    }

    // MARK: - The prompt

    private static func textPrompt(_ fields: inout Fields, _ model: ServedModel) throws(APIError) -> [Int] {
        guard let texts = try fields.strings("prompt"), texts.count == 1 else {
            throw .invalid("prompt is not one text.", field: "prompt")
        }
        // As in other servers, who completes texts may spell out control tokens.
        let tokens = model.tokenizer.encode(texts[0])
        guard !tokens.isEmpty else { throw .invalid("prompt is empty.", field: "prompt") }
        guard tokens.allSatisfy({ $0 < model.vocabularySize }) else {
            throw .invalid("prompt has a control token that the model doesn't know.", field: "prompt")
        }
        return tokens
    }

    private static func chatPrompt(_ fields: inout Fields, _ model: ServedModel) throws(APIError) -> [Int] {
        guard let format = model.format else {
            throw .invalid("\(model.name) has no chat format; use /v1/completions.", field: "model")
        }
        guard case .array(let values) = fields.value("messages"), !values.isEmpty else {
            throw .invalid("messages is not a list of messages.", field: "messages")
        }
        var messages: [ChatMessage] = []
        for (index, value) in values.enumerated() { messages.append(try message(value, "messages[\(index)]")) }
        do {
            return try format.encode(messages, with: model.tokenizer)
        } catch { throw .invalid("\(error)", field: "messages") }
    }

    private static func message(_ value: JSONValue, _ path: String) throws(APIError) -> ChatMessage {
        var fields = try Fields(value, path: path)
        let role: ChatMessage.Role
        switch try fields.string("role") {
        case "system", "developer": role = .system
        case "user": role = .user
        case "assistant": role = .assistant
        default: throw .invalid("\(path).role is none of system, user and assistant.", field: path + ".role")
        }
        var content = ""
        switch fields.value("content") {
        case .string(let text): content = text
        case .array(let parts):
            for (index, part) in parts.enumerated() {
                var part = try Fields(part, path: "\(path).content[\(index)]")
                guard try part.string("type") == "text", let text = try part.string("text") else {
                    throw .invalid("\(part.name("type")) is not text.", field: part.name("type"))
                }
                try part.end()
                content += text
            }
        default: throw .invalid("\(path).content is not a text.", field: path + ".content")
        }
        try fields.end(neutral: ["tool_calls": [], "annotations": []])
        return ChatMessage(role: role, content: content)
    }

    // MARK: - The answer

    private static func usage(_ fields: inout Fields, isStream: Bool) throws(APIError) -> Bool {
        guard let value = fields.value("stream_options") else { return false }
        guard isStream else { throw .invalid("stream_options needs stream.", field: "stream_options") }
        var options = try Fields(value, path: "stream_options")
        let includesUsage = try options.bool("include_usage") ?? false
        try options.end(neutral: ["include_obfuscation": false])
        return includesUsage
    }

    private static func answerLength(
        _ fields: inout Fields, _ kind: Kind, promptLength: Int, _ model: ServedModel
    ) throws(APIError) -> Int {
        let range = 1...model.answerLimit
        let old = try fields.integer("max_tokens", in: range)
        let new = kind == .chat ? try fields.integer("max_completion_tokens", in: range) : nil
        if let old, let new, old != new {
            throw .invalid("max_tokens and max_completion_tokens differ.", field: "max_tokens")
        }
        let wanted = new ?? old
        let room = model.capacity - promptLength
        guard room >= wanted ?? 1 else {
            throw .tooLong(
                promptLength, and: wanted ?? 1, capacity: model.capacity, field: kind == .chat ? "messages" : "prompt")
        }
        // What OpenAI's endpoints do when nothing is said.
        return wanted ?? min(room, kind == .chat ? model.answerLimit : min(16, model.answerLimit))
    }

    private static func sampler(_ fields: inout Fields) throws(APIError) -> any Sampler {
        let temperature = Float(try fields.number("temperature", in: 0...2) ?? 1)
        let topP = Float(try fields.number("top_p", in: 0...1) ?? 1)
        let seed = try fields.integer("seed", in: .min ... .max)
        if temperature == 0 || topP == 0 { return GreedySampler() }
        do {
            return try ProbabilitySampler(
                temperature: temperature, topP: topP < 1 ? topP : nil,
                seed: seed.map { UInt64(bitPattern: Int64($0)) } ?? .random(in: 0 ... .max))
        } catch { throw .invalid("\(error)", field: "temperature") }
    }

    private static func processors(
        _ fields: inout Fields, promptLength: Int, _ model: ServedModel
    ) throws(APIError) -> [any LogitProcessor] {
        var processors: [any LogitProcessor] = []
        let frequency = Float(try fields.number("frequency_penalty", in: -2...2) ?? 0)
        let presence = Float(try fields.number("presence_penalty", in: -2...2) ?? 0)
        if frequency != 0 || presence != 0 {
            processors.append(OccurrencePenalty(frequency: frequency, presence: presence, promptLength: promptLength))
        }
        if let value = fields.value("logit_bias") {
            var biases: [Int: Float] = [:]
            var entries = try Fields(value, path: "logit_bias")
            for key in entries.names {
                guard let token = Int(key), model.tokenizer.token(id: token) != nil, token < model.vocabularySize else {
                    throw .invalid("logit_bias has \(key), which is no token's number.", field: "logit_bias")
                }
                if let bias = try entries.number(key, in: -100...100) { biases[token] = Float(bias) }
            }
            do {
                processors.append(try LogitBias(biases))
            } catch { throw .invalid("\(error)", field: "logit_bias") }
        }
        if model.tokenizer.vocabularySize < model.vocabularySize {
            processors.append(KnownTokens(count: model.tokenizer.vocabularySize))
        }
        return processors
    }

    private static func stops(_ fields: inout Fields) throws(APIError) -> [String] {
        let stops = try fields.strings("stop") ?? []
        guard stops.count <= 16, stops.allSatisfy({ (1...1000).contains($0.utf8.count) }) else {
            throw .invalid("stop has more than 16 texts, or one that is empty or over 1,000 bytes.", field: "stop")
        }
        return stops
    }
}
