import LongLM

/// The answer to a request of `/v1/chat/completions`.
struct ChatReply: Reply {
    private struct Choice: Sendable {
        var answer: ChatAnswer
        /// One element for each token; nil: they aren't reported.
        var logProbabilities: [JSONValue]?
        var reason: StopReason?
    }

    private var frame: ReplyFrame
    private let tokenizer: Tokenizer
    private let isStream: Bool
    private let includesUsage: Bool
    private var choices: [Choice]

    init(to request: CompletionRequest, calls: ChatPrompt.Calls, model: ServedModel) {
        frame = ReplyFrame("chatcmpl-", request.work, model: model.name)
        tokenizer = model.tokenizer
        isStream = request.isStream
        includesUsage = request.includesUsage
        choices = request.work.choices.map { choice in
            Choice(answer: ChatAnswer(calls), logProbabilities: choice.options.alternativeCount.map { _ in [] })
        }
    }

    // MARK: - A stream

    var beginning: [JSONValue] {
        choices.indices.map { chunk($0, ["role": "assistant", "content": "", "refusal": .null], .null) }
    }

    mutating func take(_ piece: Answer.Piece) -> [JSONValue] {
        switch piece {
        case .token(let token, let choice):
            let parts = choices[choice].answer.append(token.text)
            if let id = token.id, choices[choice].logProbabilities != nil {
                let entry = logProbability(id, token)
                choices[choice].logProbabilities?.append(entry)
            }
            if !isStream { return [] }
            var deltas = parts.map { delta($0, choice) }
            let logProbabilities = takeLogProbabilities(choice)
            if deltas.isEmpty, logProbabilities != .null { deltas = [[:]] }
            // They go with the first of the token's deltas.
            return deltas.enumerated().map { chunk(choice, $1, $0 == 0 ? logProbabilities : .null) }
        case .end(let reason, let statistics, let choice):
            frame.add(statistics, choice: choice)
            let parts = choices[choice].answer.finish()
            let chunks = parts.map { chunk(choice, delta($0, choice), .null) }
            choices[choice].reason = reason
            return chunks + [chunk(choice, [:], .null)]
        case .promptScores, .embedding: return []
        }
    }

    var ending: [JSONValue] {
        includesUsage ? [frame.object("chat.completion.chunk", choices: [], usage: frame.usage)] : []
    }

    private func delta(_ part: ChatAnswer.Part, _ choice: Int) -> JSONValue {
        switch part {
        case .content(let text): return ["content": .string(text)]
        case .call(let index):
            let call = object(of: choices[choice].answer.calls[index], arguments: "")
            guard case .object(let members) = call else { return call }
            return ["tool_calls": [.object([JSONValue.Member("index", .integer(index))] + members)]]
        case .arguments(let index, let text):
            return ["tool_calls": [["index": .integer(index), "function": ["arguments": .string(text)]]]]
        }
    }

    private func chunk(_ choice: Int, _ delta: JSONValue, _ logProbabilities: JSONValue) -> JSONValue {
        frame.object("chat.completion.chunk", choices: [object(choice, "delta", delta, logProbabilities)])
    }

    // MARK: - One object

    var whole: JSONValue {
        var objects: [JSONValue] = []
        for index in choices.indices {
            let answer = choices[index].answer
            let isCall = answer.content.isEmpty && !answer.calls.isEmpty
            var message: [JSONValue.Member] = [
                .init("role", "assistant"), .init("content", isCall ? .null : .string(answer.content)),
                .init("refusal", .null),
            ]
            if !answer.calls.isEmpty {
                let calls = answer.calls.map { object(of: $0, arguments: $0.arguments) }
                message.append(.init("tool_calls", .array(calls)))
            }
            objects.append(
                object(
                    index, "message", .object(message), Self.object(of: choices[index].logProbabilities)))
        }
        return frame.object("chat.completion", choices: objects, usage: frame.usage)
    }

    private func object(of call: ToolCall, arguments: String) -> JSONValue {
        [
            "id": .string(call.id ?? ""), "type": "function",
            "function": ["name": .string(call.name), "arguments": .string(arguments)],
        ]
    }

    private func object(
        _ index: Int, _ name: String, _ content: JSONValue, _ logProbabilities: JSONValue
    ) -> JSONValue {
        var reason = choices[index].reason?.name ?? .null
        if reason == "stop", !choices[index].answer.calls.isEmpty { reason = "tool_calls" }
        return .object([
            .init("index", .integer(index)), .init(name, content), .init("logprobs", logProbabilities),
            .init("finish_reason", reason),
        ])
    }

    // MARK: - Log probabilities

    private func logProbability(_ id: Int, _ token: GeneratedToken) -> JSONValue {
        func entry(_ id: Int, _ value: Double?) -> [JSONValue.Member] {
            let token = TokenText(id, tokenizer)
            return [
                .init("token", .string(token.text)), .init("logprob", .logProbability(value)),
                .init("bytes", token.bytes.map { .array($0.map { .integer(Int($0)) }) } ?? .null),
            ]
        }
        let others = token.alternatives.map { JSONValue.object(entry($0.id, $0.logProbability)) }
        return .object(entry(id, token.logProbability) + [.init("top_logprobs", .array(others))])
    }

    /// What is new of them.
    private mutating func takeLogProbabilities(_ choice: Int) -> JSONValue {
        guard let list = choices[choice].logProbabilities, !list.isEmpty else { return .null }
        choices[choice].logProbabilities = []
        return Self.object(of: list)
    }

    private static func object(of list: [JSONValue]?) -> JSONValue {
        list.map { ["content": .array($0), "refusal": .null] } ?? .null
    }
}
