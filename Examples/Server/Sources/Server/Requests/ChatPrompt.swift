import LongLM

/// The prompt of a chat.
struct ChatPrompt: Sendable {
    /// How calls are found in the answer.
    enum Calls: Sendable {
        /// There are none.
        case none
        /// The answer may have calls.
        case free(ToolCallParser, takesSeveral: Bool)
        /// The answer is a call.
        case forced(ForcedCall)
    }

    let tokens: [Int]
    let calls: Calls
    /// The special tokens that have text in the answer.
    let keptTokens: Set<Int>

    init(
        _ messages: [ChatMessage], _ use: ToolUse?, _ model: ServedModel, _ toolFormat: ToolFormat,
        _ cache: inout RecentValues<ForcedCall, APIError>
    ) throws(APIError) {
        guard let format = model.format else {
            throw .invalid("\(model.name) has no chat format; use /v1/completions.", field: "model")
        }
        let tools = use?.tools ?? []
        var tokens: [Int]
        do {
            tokens =
                toolFormat.isBuiltIn
                ? try format.encode(messages, tools: tools, with: model.tokenizer)
                : try format.encode(ToolsAsText.messages(messages, tools: tools), with: model.tokenizer)
        } catch { throw .invalid("\(error).", field: "messages") }
        guard let use else {
            (self.tokens, calls, keptTokens) = (tokens, .none, [])
            return
        }
        if use.choice == .automatic {
            let parser = ToolCallParser(
                form: toolFormat.form, names: Set(tools.map(\.name)), startsInThought: toolFormat.startsInThought)
            calls = .free(parser, takesSeveral: use.takesSeveral)
        } else {
            let forced = try Self.forcedCall(use, messages, model, toolFormat, &cache)
            tokens += model.tokenizer.encode(forced.prefix, addSpecialTokens: false)
            calls = .forced(forced)
        }
        self.tokens = tokens
        keptTokens = toolFormat.form.tokens(of: model.tokenizer)
    }

    private static func forcedCall(
        _ use: ToolUse, _ messages: [ChatMessage], _ model: ServedModel, _ toolFormat: ToolFormat,
        _ cache: inout RecentValues<ForcedCall, APIError>
    ) throws(APIError) -> ForcedCall {
        if toolFormat.startsInThought {
            throw .invalid(
                "tool_choice can only be auto or none: answers of \(model.name) begin with a thought.",
                field: "tool_choice")
        }
        // Where calls have no ids, the same call serves every turn.
        let number = toolFormat.hasIdentifiers ? messages.reduce(0) { $0 + $1.toolCalls.count } : 0
        let key = "\(use.choice) \(number) \(JSONValue.array(use.tools.map(\.value)).text())"
        return try cache.value(for: key) { () throws(APIError) in
            do throws(GenerationError) {
                // It is nil for a free choice alone.
                let call = try ForcedCall(
                    use.choice, of: use.tools, form: toolFormat.form, tokenizer: model.tokenizer, number: number)!
                do throws(ConstraintError) {
                    try call.constraint.check(with: model.tokenizer)
                } catch { throw .constraint(error) }
                return call
            } catch {
                if case .constraint(let error) = error {
                    throw .invalid("The parameters of a function: \(error).", field: "tools")
                }
                throw .invalid("\(error).", field: "tool_choice")
            }
        }
    }
}
