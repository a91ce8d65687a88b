import Foundation
import LongLM

/// A request for texts, read and checked.
struct CompletionRequest: Sendable {
    /// What the prompts are, and so what the answer looks like.
    enum Kind: Sendable {
        case chat(ChatPrompt.Calls)
        /// - Parameter echo: The prompts, if the texts begin with them.
        case text(echo: [PromptList.Prompt]?)
    }

    /// The most log probabilities in one answer that isn't a stream, those of alternatives included. It bounds the memory
    /// that an answer takes.
    private static let probabilityLimit = 1 << 17

    let kind: Kind
    let work: TextWork
    let isStream: Bool
    /// Whether a stream ends with the number of tokens.
    let includesUsage: Bool

    /// A request of `/v1/chat/completions`.
    init(chat body: Data, _ model: ServedModel, _ toolFormat: ToolFormat, _ made: inout MadeConstraints)
        throws(APIError)
    {
        var fields = try Fields(body: body)
        try model.check(&fields)
        let answer = try AnswerFields(&fields, model)
        let use = try ToolUse.read(&fields)
        let prompt = try ChatPrompt(try Messages.read(&fields), use, model, toolFormat, &made.calls)
        var constraint = try ResponseFormat.read(&fields, model, &made.formats)
        switch prompt.calls {
        case .none: break
        case .free where constraint == nil: break
        case .forced(let call) where constraint == nil: constraint = call.constraint
        default:
            throw .invalid("A format of the answer needs tool_choice none.", field: "tool_choice")
        }
        let alternativeCount = try Self.chatAlternatives(&fields)
        let length = try AnswerLength(chat: &fields)
        fields.ignore(NeutralFields.ignored)
        try fields.end(neutral: NeutralFields.values)

        let tokenLimit = try length.tokenLimit(after: prompt.tokens.count, model)
        var choices: [TextWork.Choice] = []
        for choice in 0..<answer.choiceCount {
            var options = try answer.options(
                tokenLimit: tokenLimit, promptLength: prompt.tokens.count, choice: choice,
                constraint: constraint)
            options.endTokens = model.chatEndTokens
            if case .forced = prompt.calls {
                // The rest of a call is no text of its own, and no call where a stop text cuts it.
                options.startsText = false
                options.stopSequences = []
            }
            options.keptSpecialTokens = prompt.keptTokens
            options.alternativeCount = alternativeCount
            choices.append(TextWork.Choice(prompt: 0, options: options))
        }
        kind = .chat(prompt.calls)
        work = TextWork(prompts: [prompt.tokens], choices: choices, promptAlternativeCount: nil)
        isStream = answer.isStream
        includesUsage = answer.includesUsage
        try checkProbabilities()
    }

    /// A request of `/v1/completions`.
    init(text body: Data, _ model: ServedModel, _ made: inout MadeConstraints) throws(APIError) {
        var fields = try Fields(body: body)
        try model.check(&fields)
        let answer = try AnswerFields(&fields, model)
        var list = try PromptList(&fields, "prompt", model)
        try list.truncate(&fields)
        let echo = try fields.bool("echo") ?? false
        let constraint = try ResponseFormat.read(&fields, model, &made.formats)
        let alternativeCount = try Self.textAlternatives(&fields)
        let length = try AnswerLength(text: &fields, echo: echo)
        fields.ignore(NeutralFields.ignored)
        try fields.end(neutral: NeutralFields.values)

        guard list.prompts.count * answer.choiceCount <= PromptList.maximumCount else {
            throw .invalid("n texts for each prompt are more than \(PromptList.maximumCount).", field: "n")
        }
        var choices: [TextWork.Choice] = []
        for (index, prompt) in list.prompts.enumerated() {
            let tokenLimit = try length.tokenLimit(after: prompt.tokens.count, model)
            for choice in 0..<answer.choiceCount {
                var options = try answer.options(
                    tokenLimit: tokenLimit, promptLength: prompt.tokens.count, choice: choice,
                    constraint: constraint)
                options.alternativeCount = alternativeCount
                choices.append(TextWork.Choice(prompt: index, options: options))
            }
        }
        kind = .text(echo: echo ? list.prompts : nil)
        work = TextWork(
            prompts: list.prompts.map(\.tokens), choices: choices,
            promptAlternativeCount: echo ? alternativeCount : nil)
        isStream = answer.isStream
        includesUsage = answer.includesUsage
        try checkProbabilities()
    }

    private func checkProbabilities() throws(APIError) {
        if isStream { return }
        var count = 0
        for choice in work.choices {
            guard let alternativeCount = choice.options.alternativeCount else { return }
            let scored = work.promptAlternativeCount == nil ? 0 : work.prompts[choice.prompt].count
            count += (scored + choice.options.tokenLimit) * (alternativeCount + 1)
        }
        guard count <= Self.probabilityLimit else {
            throw .invalid(
                "The answer could have \(count) logprobs, and \(Self.probabilityLimit) are the most. Lower n, max_tokens, "
                    + "or the number of alternatives, or ask for a stream.", field: "logprobs")
        }
    }

    /// How many alternatives are reported for each token; nil: no probabilities are.
    private static func chatAlternatives(_ fields: inout Fields) throws(APIError) -> Int? {
        let isWanted = try fields.bool("logprobs") ?? false
        let count = try fields.integer("top_logprobs", in: 0...20)
        if !isWanted, let count, count > 0 { throw .invalid("top_logprobs needs logprobs.", field: "top_logprobs") }
        return isWanted ? count ?? 0 : nil
    }

    private static func textAlternatives(_ fields: inout Fields) throws(APIError) -> Int? {
        let value = fields.value("logprobs")
        if value == nil || value == false { return nil }
        guard let count = value?.wholeNumber, 0...20 ~= count else {
            throw .invalid("logprobs is not an integer from 0 to 20.", field: "logprobs")
        }
        return count
    }
}
