import Foundation

/// How the messages of a chat become the text that an instruction-tuned model was trained on.
///
/// ``init(directory:today:)`` finds a checkpoint's own format; ``named(_:today:)`` and the static members choose one.
public struct ChatFormat: Sendable, Equatable {
    /// What the families' chat templates do; each case is rendered in ``ChatFormat/transcript(_:addGenerationPrompt:)``.
    enum Style: Sendable, Equatable {
        case chatML(defaultSystemPrompt: String?)
        case llama2
        case llama3(Llama3Dates?)
        case mistral(MistralFrame)
        case gemma(takesSystem: Bool)
        case phi3
        case zephyr
        case smolLM3(SmolLM3Header)
    }

    let style: Style
    /// The token that the text begins with; empty for none.
    let beginToken: String
    /// The token that ends an answer, where the format takes it from the checkpoint.
    let endToken: String

    init(_ style: Style, beginToken: String = "", endToken: String = "") {
        self.style = style
        self.beginToken = beginToken
        self.endToken = endToken
    }

    /// Renders messages to text.
    ///
    /// Content is copied as it is: text from outside can hold control tokens. Use
    /// ``encode(_:with:addGenerationPrompt:)`` for a prompt that is safe from that.
    ///
    /// - Parameters:
    ///   - messages: the chat; of ChatML, without a message there is no default system prompt either.
    ///   - addGenerationPrompt: whether to end with the start of the assistant's answer.
    /// - Throws: `unsupportedChat` for messages that the format has no place for.
    public func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> String {
        try transcript(messages, addGenerationPrompt: addGenerationPrompt).text
    }

    /// Encodes messages to token ids in which only the frame has special tokens.
    ///
    /// Content is encoded as ordinary text, so it cannot end a message or begin one; only added tokens that are not
    /// special, such as Qwen's `<tool_call>`, are still found in it, and the frames of formats that have no control
    /// tokens for them, such as `[INST]` of Llama 2, can be imitated. The result equals encoding
    /// ``render(_:addGenerationPrompt:)`` without the post-processor's tokens unless some content spells a special token.
    ///
    /// - Throws: `unsupportedChat` for messages that the format has no place for, `missingControlToken` when the
    ///   tokenizer lacks a token of the format, and `forgedControlToken` when a vocabulary would make a special token of
    ///   content after all.
    public func encode(
        _ messages: [ChatMessage], with tokenizer: Tokenizer, addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> [Int] {
        try transcript(messages, addGenerationPrompt: addGenerationPrompt).encode(with: tokenizer)
    }
}

// MARK: - Formats by name

extension ChatFormat {
    /// ChatML: `<|im_start|>role\ncontent<|im_end|>\n` for each message.
    ///
    /// A chat that does not begin with a system message gets the default one, if there is one.
    public static func chatML(defaultSystemPrompt: String?) -> ChatFormat {
        ChatFormat(.chatML(defaultSystemPrompt: defaultSystemPrompt))
    }

    /// The format of SmolLM2 Instruct with the default system prompt of its chat template.
    public static let smolLM2 = chatML(
        defaultSystemPrompt: "You are a helpful AI assistant named SmolLM, trained by Hugging Face")

    /// Llama 2 Chat: `<s>[INST] user [/INST] assistant </s>`, the system message in the first user's between `<<SYS>>`
    /// marks.
    public static let llama2 = ChatFormat(.llama2, beginToken: "<s>", endToken: "</s>")

    /// Llama 3 Instruct: `<|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>`. The system message of Llama 3.1
    /// and later, which states dates, comes with the checkpoint's template only.
    public static let llama3 = ChatFormat(.llama3(nil), beginToken: "<|begin_of_text|>")

    /// Mistral 7B Instruct 0.3: `[INST] user[/INST] assistant</s>`, the system message in the last user's. Versions differ
    /// in spaces, which are read from the checkpoint's template.
    public static let mistral = ChatFormat(.mistral(.version3), beginToken: "<s>", endToken: "</s>")

    /// Gemma: `<start_of_turn>user\ncontent<end_of_turn>\n`, the system message in the first user's as Gemma 3 has it.
    public static let gemma = ChatFormat(.gemma(takesSystem: true), beginToken: "<bos>")

    /// Phi-3 and Phi-3.5: `<|user|>\ncontent<|end|>\n`.
    public static let phi3 = ChatFormat(.phi3, endToken: "<|endoftext|>")

    /// Zephyr, TinyLlama Chat and StableLM 2 Zephyr: `<|user|>\ncontent</s>\n`.
    public static let zephyr = ChatFormat(.zephyr, endToken: "</s>")

    private static let formats: [(name: String, format: ChatFormat)] = [
        ("chatml", .chatML(defaultSystemPrompt: nil)), ("llama2", .llama2), ("llama3", .llama3), ("mistral", .mistral),
        ("gemma", .gemma), ("phi3", .phi3), ("zephyr", .zephyr),
    ]

    /// The names that ``named(_:today:)`` knows.
    public static var names: [String] { formats.map(\.name) + ["smollm3"] }

    /// The format with one of the ``names``; nil for another name.
    ///
    /// - Parameters:
    ///   - name: The name.
    ///   - today: the date that SmolLM3's system message states.
    public static func named(_ name: String, today: Date = Date()) -> ChatFormat? {
        if name == "smollm3" { return smolLM3(today: today) }
        return formats.first { $0.name == name }?.format
    }

    /// SmolLM3: ChatML after a system message with dates, a reasoning mode and instructions. The long default
    /// instructions for thinking come with the checkpoint's template only.
    ///
    /// - Parameter today: the date that the system message states.
    public static func smolLM3(today: Date = Date()) -> ChatFormat {
        ChatFormat(.smolLM3(SmolLM3Header(knowledgeDate: "June 2025", today: today.long)))
    }
}
