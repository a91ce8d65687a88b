import Foundation
import LongLM

/// Requests about tokens alone, which the engine has no part in. Fields and answers are vLLM's; llama.cpp's `content` and
/// `add_special` are taken as well.
enum TokenRequests {
    /// `/tokenize`: the tokens of a text or of a chat.
    static func tokenize(
        _ body: Data, _ model: ServedModel, _ toolFormat: ToolFormat, _ made: inout MadeConstraints
    ) throws(APIError) -> JSONValue {
        var fields = try Fields(body: body)
        try model.check(&fields)
        let tokens: [Int]
        let prompt = try fields.string("prompt")
        let content = try fields.string("content")
        if let text = prompt ?? content {
            let adds = (try fields.bool("add_special_tokens"), try fields.bool("add_special"))
            let addsTokens = adds.0 ?? adds.1 ?? (content == nil)
            let parsesTokens = try fields.bool("parse_special") ?? true
            tokens = model.tokenizer.encode(text, addSpecialTokens: addsTokens, parseSpecialTokens: parsesTokens)
        } else {
            let use = try ToolUse.read(&fields)
            tokens = try ChatPrompt(Messages.read(&fields), use, model, toolFormat, &made.calls).tokens
            fields.ignore(["add_special_tokens"])
        }
        let spellsTokens = try fields.bool("return_token_strs") ?? false
        fields.ignore(NeutralFields.ignored)
        try fields.end(neutral: NeutralFields.values)
        var answer: [JSONValue.Member] = [
            .init("count", .integer(tokens.count)), .init("max_model_len", .integer(model.capacity)),
            .init("tokens", .array(tokens.map { .integer($0) })),
        ]
        if spellsTokens {
            answer.append(.init("token_strs", .array(tokens.map { .string(model.tokenizer.token(id: $0) ?? "") })))
        }
        return .object(answer)
    }

    /// `/detokenize`: the text of tokens, under the names that vLLM and llama.cpp have for it.
    static func detokenize(_ body: Data, _ model: ServedModel) throws(APIError) -> JSONValue {
        var fields = try Fields(body: body)
        try model.check(&fields)
        guard case .array(let elements) = fields.value("tokens") else {
            throw .invalid("tokens is not a list of token ids.", field: "tokens")
        }
        let tokens = try PromptList.tokens(elements, "tokens", model)
        try fields.end()
        do {
            let text = JSONValue.string(try model.tokenizer.decode(tokens))
            return ["prompt": text, "content": text]
        } catch { throw .invalid("\(error).", field: "tokens") }
    }
}
