import LongLM

/// The answer to a request of `/v1/completions`.
struct TextReply: Reply {
    private struct Choice: Sendable {
        /// What stands before the model's text.
        let echo: String
        /// How many of the prompt's first tokens the echo doesn't show.
        let hiddenCount: Int
        var text = ""
        /// nil: they aren't reported.
        var logProbabilities: TextLogProbabilities?
        var reason: StopReason?
    }

    private var frame: ReplyFrame
    private let isStream: Bool
    private let includesUsage: Bool
    /// Whether the prompts' tokens are scored.
    private let scoresPrompts: Bool
    private var choices: [Choice]

    /// - Parameter echo: The prompts, if the texts begin with them.
    init(to request: CompletionRequest, echo: [PromptList.Prompt]?, model: ServedModel) {
        let work = request.work
        frame = ReplyFrame("cmpl-", work, model: model.name)
        isStream = request.isStream
        includesUsage = request.includesUsage
        scoresPrompts = work.promptAlternativeCount != nil
        let echoes = echo?.map { $0.text ?? (try? model.tokenizer.decode($0.tokens)) ?? "" }
        choices = work.choices.map { choice in
            Choice(
                echo: echoes?[choice.prompt] ?? "", hiddenCount: echo?[choice.prompt].addedCount ?? 0,
                logProbabilities: choice.options.alternativeCount.map { _ in
                    TextLogProbabilities(model.tokenizer, startsText: work.promptAlternativeCount != nil)
                })
        }
    }

    // MARK: - A stream

    var beginning: [JSONValue] {
        // With scores, the echo comes with them.
        if scoresPrompts { return [] }
        return choices.indices.filter { !choices[$0].echo.isEmpty }.map { chunk($0, choices[$0].echo, .null) }
    }

    mutating func take(_ piece: Answer.Piece) -> [JSONValue] {
        switch piece {
        case .promptScores(let tokens, let choice):
            let hiddenCount = choices[choice].hiddenCount
            for (index, token) in tokens.enumerated() {
                choices[choice].logProbabilities?.append(
                    token.id, token.logProbability, token.alternatives, showsName: index >= hiddenCount)
            }
            return [chunk(choice, choices[choice].echo, takeLogProbabilities(choice))]
        case .token(let token, let choice):
            choices[choice].text += token.text
            if let id = token.id {
                choices[choice].logProbabilities?.append(id, token.logProbability, token.alternatives)
            }
            if token.text.isEmpty, choices[choice].logProbabilities == nil { return [] }
            return [chunk(choice, token.text, takeLogProbabilities(choice))]
        case .end(let reason, let statistics, let choice):
            frame.add(statistics, choice: choice)
            choices[choice].reason = reason
            // Who scores prompts takes the last token for the model's own, even if it only ends the text.
            if scoresPrompts, case .endToken(let id) = reason {
                choices[choice].logProbabilities?.append(id, nil, [])
            }
            return [chunk(choice, "", takeLogProbabilities(choice))]
        case .embedding: return []
        }
    }

    var ending: [JSONValue] {
        includesUsage ? [frame.object("text_completion", choices: [], usage: frame.usage)] : []
    }

    /// What is new of them.
    private mutating func takeLogProbabilities(_ choice: Int) -> JSONValue {
        isStream ? choices[choice].logProbabilities?.take() ?? .null : .null
    }

    private func chunk(_ choice: Int, _ text: String, _ logProbabilities: JSONValue) -> JSONValue {
        frame.object("text_completion", choices: [object(choice, text, logProbabilities)])
    }

    // MARK: - One object

    var whole: JSONValue {
        let objects = choices.indices.map { index in
            var choice = choices[index]
            return object(index, choice.echo + choice.text, choice.logProbabilities?.take() ?? .null)
        }
        return frame.object("text_completion", choices: objects, usage: frame.usage)
    }

    private func object(_ index: Int, _ text: String, _ logProbabilities: JSONValue) -> JSONValue {
        [
            "index": .integer(index), "text": .string(text), "logprobs": logProbabilities,
            "finish_reason": choices[index].reason?.name ?? .null,
        ]
    }
}
