import Foundation

/// A checkpoint's chat template: a Jinja program, which is not run here but recognised.
///
/// The control tokens tell the family. What differs within a family (default prompts, dates, spaces) is read from the
/// template's string literals.
struct ChatTemplate {
    /// Where it comes from, for errors.
    let file: String
    /// The template, with line breaks in place of `\n` in its strings and with adjacent literals joined. It is kept as
    /// bytes because a line break and what follows it can be one Character.
    let text: [UInt8]
    private let singleQuoted: [UInt8]
    let beginToken: String?
    let endToken: String?

    init(_ template: String, file: String, beginToken: String?, endToken: String?) {
        self.file = file
        text = Array(template.utf8).replacing(#"\n"#.utf8, with: "\n".utf8).replacing("' + '".utf8, with: [])
            .replacing(#"" + ""#.utf8, with: [])
        singleQuoted = text.map { $0 == UInt8(ascii: "\"") ? UInt8(ascii: "'") : $0 }
        self.beginToken = beginToken
        self.endToken = endToken
    }

    /// Whether the template has all of these parts, whichever quotes it uses.
    private func has(_ parts: String...) -> Bool { parts.allSatisfy { singleQuoted.contains($0.utf8) } }

    /// - Parameter today: the date for templates that ask for it.
    func format(today: Date) throws(TokenizerError) -> ChatFormat {
        if has("<|im_start|>", "<|im_end|>") { return try chatML(today: today) }
        // The templates of these two families trim content. One that does not trim is of another family.
        if has("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "trim") { return llama3(today: today) }
        if has("<start_of_turn>", "<end_of_turn>", "trim") {
            return ChatFormat(.gemma(takesSystem: has("first_user_prefix")), beginToken: begin("<bos>"))
        }
        if has("[INST] ", " [/INST]", "<<SYS>>\n", "\n<</SYS>>\n\n") {
            return ChatFormat(.llama2, beginToken: begin("<s>"), endToken: endToken ?? "</s>")
        }
        if has("[INST]", "[/INST]", "eos_token"), let frame = mistralFrame {
            return ChatFormat(.mistral(frame), beginToken: begin("<s>"), endToken: endToken ?? "</s>")
        }
        if has("'<|user|>\n'", "'<|end|>\n'", "'<|assistant|>\n'") {
            let end = has("eos_token") ? endToken ?? "<|endoftext|>" : ""
            return ChatFormat(.phi3, beginToken: begin(""), endToken: end)
        }
        if has("'<|user|>\n'", "'<|assistant|>\n'", "'<|assistant|>'", "eos_token") {
            return ChatFormat(.zephyr, endToken: endToken ?? "</s>")
        }
        throw .unsupportedChatTemplate(file: file)
    }

    /// The begin token, where the template has it.
    private func begin(_ usual: String) -> String {
        has("bos_token") ? beginToken ?? usual : !usual.isEmpty && has(usual) ? usual : ""
    }

    private func chatML(today: Date) throws(TokenizerError) -> ChatFormat {
        if has("## Custom Instructions\n\n", "Reasoning Mode: ") { return try smolLM3(today: today) }
        // Not plain ChatML: models that always think begin the answer for themselves, Phi-4 separates role and content
        // with a token, some templates trim content, and some drop the thoughts from earlier answers.
        let isPlain = [
            "<|im_start|>assistant\n<think>", "<|im_sep|>", "trim + '<|im_end|>", "strip() + '<|im_end|>", "</think>",
        ]
        .allSatisfy { !has($0) }
        guard isPlain else { throw .unsupportedChatTemplate(file: file) }
        return ChatFormat(.chatML(defaultSystemPrompt: defaultSystemPrompt), beginToken: begin(""))
    }

    private func llama3(today: Date) -> ChatFormat {
        var dates: Llama3Dates?
        if let knowledge = line(after: "Cutting Knowledge Date: ") {
            let stated = has("strftime_now") ? nil : literal(after: "date_string = ")
            dates = Llama3Dates(knowledge: knowledge, today: stated ?? today.short)
        }
        return ChatFormat(.llama3(dates), beginToken: begin("<|begin_of_text|>"))
    }

    private func smolLM3(today: Date) throws(TokenizerError) -> ChatFormat {
        guard let knowledge = line(after: "Knowledge Cutoff Date: ") else {
            throw .unsupportedChatTemplate(file: file)
        }
        var header = SmolLM3Header(knowledgeDate: knowledge, today: today.long)
        // The two defaults are the literals that follow the heading and end a paragraph.
        let defaults = literals(after: "## Custom Instructions\n\n").filter { $0.hasSuffix("\n\n") && $0.count > 2 }
        guard defaults.count >= 2 else { throw .unsupportedChatTemplate(file: file) }
        header.thinkingInstructions = String(defaults[0].dropLast(2))
        header.plainInstructions = String(defaults[1].dropLast(2))
        return ChatFormat(.smolLM3(header))
    }
}
