/// How a family of models writes the calls of functions in its answers.
///
/// ``ChatFormat/toolCallForm`` finds a template's form. ``ToolCallParser`` reads calls of a form out of an answer.
public struct ToolCallForm: Sendable, Equatable {
    /// The keys of the object that is a call.
    struct Keys: Sendable, Equatable {
        var name = "name"
        var arguments = "arguments"
        var identifier: String?
        /// Whether the identifier stands first in what the template writes; else it stands last.
        var identifierIsFirst = false
    }

    /// What a call consists of after its opening mark, in order.
    enum Part: Sendable, Equatable {
        /// White space, and what a template writes there.
        case space(String)
        case literal(String)
        /// The function's name: ASCII letters, digits, `_`, `-` and `.`.
        case name
        /// An id, of the same characters.
        case identifier
        /// The number of the call in its answer, which says nothing more.
        case number
        /// The arguments: a JSON object.
        case arguments
        /// A JSON object that is a call.
        case call(Keys)
        /// A JSON array of such objects.
        case calls(Keys)
    }

    /// The form's name: that of a model that brought it.
    public let name: String
    /// The mark that begins a call.
    let opening: String
    /// Whether the mark may be absent: a call then begins the answer, or follows another call.
    let isBare: Bool
    let parts: [Part]
    /// The marks around all calls, where there are such.
    let section: (opening: String, closing: String)?

    init(
        _ name: String, _ opening: String, isBare: Bool = false, _ parts: [Part],
        section: (opening: String, closing: String)? = nil
    ) {
        self.name = name
        self.opening = opening
        self.isBare = isBare
        self.parts = parts
        self.section = section
    }

    /// Forms are equal if their names are.
    public static func == (left: ToolCallForm, right: ToolCallForm) -> Bool { left.name == right.name }
}

// MARK: - The forms

extension ToolCallForm {
    /// Hermes, Qwen 2.5 and 3, Granite 4, MiMo: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`.
    public static let hermes = ToolCallForm(
        "hermes", "<tool_call>",
        [.space("\n"), .call(Keys()), .space("\n"), .literal("</tool_call>")])

    /// Llama 3.1 to 3.3: the whole answer is `{"name": …, "parameters": {…}}`, with or without `<|python_tag|>` before it.
    /// The calls of several functions may be separated by semicolons.
    public static let llama3 = ToolCallForm(
        "llama3", "<|python_tag|>", isBare: true, [.space(""), .call(Keys(arguments: "parameters"))])

    /// Mistral 7B 0.3 to Mistral Nemo: `[TOOL_CALLS][{"name": …, "arguments": {…}, "id": …}]`.
    public static let mistral = ToolCallForm(
        "mistral", "[TOOL_CALLS]", [.space(""), .calls(Keys(identifier: "id"))])

    /// Ministral 3 and Devstral: `[TOOL_CALLS]name[ARGS]{…}`.
    public static let ministral3 = ToolCallForm(
        "ministral3", "[TOOL_CALLS]", [.space(""), .name, .literal("[ARGS]"), .space(""), .arguments])

    /// Mistral Small 3.2: `[TOOL_CALLS]name[CALL_ID]id[ARGS]{…}`.
    public static let mistralSmall3 = ToolCallForm(
        "mistral-small3", "[TOOL_CALLS]",
        [.space(""), .name, .literal("[CALL_ID]"), .identifier, .literal("[ARGS]"), .space(""), .arguments])

    /// DeepSeek V3.1: a name and its arguments between marks of their own.
    public static let deepSeekV31 = ToolCallForm(
        "deepseek-v3.1", "<｜tool▁call▁begin｜>",
        [.name, .literal("<｜tool▁sep｜>"), .arguments, .space(""), .literal("<｜tool▁call▁end｜>")],
        section: ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"))

    /// DeepSeek R1 and its distillations: the same, with the arguments in a block of Markdown.
    public static let deepSeekR1 = ToolCallForm(
        "deepseek-r1", "<｜tool▁call▁begin｜>",
        [
            .literal("function<｜tool▁sep｜>"), .name, .literal("\n```json\n"), .arguments, .space("\n"),
            .literal("```"), .space(""), .literal("<｜tool▁call▁end｜>"),
        ],
        section: ("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"))

    /// Kimi K2: `functions.name:0` and the arguments between marks of their own.
    public static let kimiK2 = ToolCallForm(
        "kimi-k2", "<|tool_call_begin|>",
        [
            .space(""), .literal("functions."), .name, .literal(":"), .number, .space(""),
            .literal("<|tool_call_argument_begin|>"), .space(""), .arguments, .space(""), .literal("<|tool_call_end|>"),
        ],
        section: ("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"))

    /// Functionary 3.1: `<function=name>{…}</function>`.
    public static let functionary31 = ToolCallForm(
        "functionary-v3.1", "<function=",
        [.name, .literal(">"), .space(""), .arguments, .space(""), .literal("</function>")])

    /// Apriel 1.5 and 1.6: `<tool_calls>[{"name": …, "arguments": {…}}]</tool_calls>`. Calls may have an `id`.
    public static let apriel = ToolCallForm(
        "apriel", "<tool_calls>",
        [.space(""), .calls(Keys()), .space(""), .literal("</tool_calls>")])

    /// Nemotron Nano 2: `<TOOLCALL>[{"name": …, "arguments": {…}}]</TOOLCALL>`.
    public static let nemotron = ToolCallForm(
        "nemotron", "<TOOLCALL>", [.space(""), .calls(Keys()), .space(""), .literal("</TOOLCALL>")])

    /// Command R7B: `<|START_ACTION|>[{"tool_call_id": …, "tool_name": …, "parameters": {…}}]<|END_ACTION|>`.
    public static let command = ToolCallForm(
        "command", "<|START_ACTION|>",
        [
            .space("\n"),
            .calls(
                Keys(name: "tool_name", arguments: "parameters", identifier: "tool_call_id", identifierIsFirst: true)),
            .space("\n"), .literal("<|END_ACTION|>"),
        ])

    /// All forms. A template's form is the first of them that reads the template's own call.
    public static let all: [ToolCallForm] = [
        .hermes, .llama3, .mistral, .ministral3, .mistralSmall3, .deepSeekV31, .deepSeekR1, .kimiK2, .functionary31,
        .apriel, .nemotron, .command,
    ]
}

// MARK: - Marks

extension ToolCallForm {
    /// The texts that frame calls. Where a tokenizer has them as special tokens, an answer's text must keep them:
    /// see ``tokens(of:)``.
    var marks: [String] {
        let literals = parts.compactMap { part in if case .literal(let text) = part { text } else { nil } }
        let around = section.map { [$0.opening, $0.closing] } ?? []
        return around + [opening] + literals
    }

    /// The special tokens of a tokenizer that an answer with calls is spelled with, such as Mistral's `[TOOL_CALLS]`. A
    /// detokenizer that skips special tokens must not skip these
    /// (``Tokenizer/makeDetokenizer(after:keeping:)``).
    public func tokens(of tokenizer: Tokenizer) -> Set<Int> {
        // Some marks are several tokens, or a token with text around it.
        let ids = marks.flatMap { tokenizer.encode($0, addSpecialTokens: false) }
        return Set(ids.filter(tokenizer.isSpecial))
    }

    /// The texts around the arguments of one call, as a template of this form writes them. With a JSON object between
    /// them, they are an answer that calls the function. A model is made to call it by beginning its answer so.
    ///
    /// - Parameters:
    ///   - name: The function's name.
    ///   - id: The call's id, for the forms that state one.
    public func frame(ofCallTo name: String, id: String = ToolCall.identifier(number: 0)) -> (
        prefix: String, suffix: String
    ) {
        var texts = ["", ""]
        var index = 0
        func add(_ text: String) { texts[index] += text }
        add((section?.opening ?? "") + (isBare ? "" : opening))
        for part in parts {
            switch part {
            case .space(let text), .literal(let text): add(text)
            case .name: add(name)
            case .identifier: add(id)
            case .number: add("0")
            case .arguments: index = 1
            case .call(let keys), .calls(let keys):
                let isArray = if case .calls = part { true } else { false }
                let identifier = keys.identifier.map { "\(Self.quoted($0)): \(Self.quoted(id))" }
                add(isArray ? "[{" : "{")
                if keys.identifierIsFirst, let identifier { add(identifier + ", ") }
                add("\(Self.quoted(keys.name)): \(Self.quoted(name)), \(Self.quoted(keys.arguments)): ")
                index = 1
                if !keys.identifierIsFirst, let identifier { add(", " + identifier) }
                add(isArray ? "}]" : "}")
            }
        }
        add(section?.closing ?? "")
        return (texts[0], texts[1])
    }

    /// A text as JSON spells it.
    private static func quoted(_ text: String) -> String {
        "\"" + text.unicodeScalars.map { $0.jsonEscape(escapesNonASCII: false) ?? String($0) }.joined() + "\""
    }
}
