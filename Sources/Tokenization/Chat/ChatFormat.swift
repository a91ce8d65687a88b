import Foundation

/// How the messages of a chat become a text of the form that an instruction-tuned model was trained on.
///
/// ``init(directory:today:)`` finds a checkpoint's own format. ``named(_:today:)`` and the static members choose one.
public struct ChatFormat: Sendable, Equatable {
    /// A checkpoint's own template, or one of the formats by name, which
    /// ``ChatFormat/transcript(_:addGenerationPrompt:)`` renders.
    enum Style: Sendable, Equatable {
        case template(ChatTemplate)
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
    /// The token at the text's beginning; empty for none.
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
    /// Content is copied as it is, so content from outside can forge control tokens. Use
    /// ``encode(_:with:addGenerationPrompt:)`` for a prompt that is safe from that.
    ///
    /// - Parameters:
    ///   - messages: the chat. ChatML adds its default system prompt only where there is at least one message.
    ///   - addGenerationPrompt: whether to end with the start of the assistant's answer.
    /// - Throws: `unsupportedChat` for messages that the format can't express, and the errors of a checkpoint's template:
    ///   `failedChatTemplate` and `unsupportedChatTemplate`.
    public func render(
        _ messages: [ChatMessage], addGenerationPrompt: Bool = true
    ) throws(TokenizerError) -> String {
        try transcript(messages, addGenerationPrompt: addGenerationPrompt).text
    }

    /// Encodes messages to token ids. All special tokens among them come from the frame around the messages.
    ///
    /// Content is encoded as ordinary text, so it can neither end a message nor begin one. Two things remain possible:
    /// content can spell added tokens that are not special, such as Qwen's `<tool_call>`, and it can imitate a frame that
    /// consists of ordinary text, such as Llama 2's `[INST]`. Unless content spells a special token, the result equals
    /// encoding ``render(_:addGenerationPrompt:)`` without the post-processor's tokens.
    ///
    /// - Throws: what ``render(_:addGenerationPrompt:)`` throws, `missingControlToken` when the tokenizer
    ///   lacks a token of the format, and `forgedControlToken` when the vocabulary would make a special token of content
    ///   in spite of all this.
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
    /// A chat without a system message at its beginning gets the default one, if there is one.
    public static func chatML(defaultSystemPrompt: String?) -> ChatFormat {
        ChatFormat(.chatML(defaultSystemPrompt: defaultSystemPrompt))
    }

    /// The format of SmolLM2 Instruct with the default system prompt of its chat template.
    public static let smolLM2 = chatML(
        defaultSystemPrompt: "You are a helpful AI assistant named SmolLM, trained by Hugging Face")

    /// Llama 2 Chat: `<s>[INST] user [/INST] assistant </s>`. The system message stands in the first user message, between
    /// `<<SYS>>` marks.
    public static let llama2 = ChatFormat(.llama2, beginToken: "<s>", endToken: "</s>")

    /// Llama 3 Instruct: `<|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>`. Llama 3.1 and later put a system
    /// message with dates first; only the format of a checkpoint's own template has it.
    public static let llama3 = ChatFormat(.llama3(nil), beginToken: "<|begin_of_text|>")

    /// Mistral 7B Instruct 0.3: `[INST] user[/INST] assistant</s>`, with the system message in the last user message. Other
    /// versions have other spaces; the format of a checkpoint's own template has the right ones.
    public static let mistral = ChatFormat(.mistral(.version3), beginToken: "<s>", endToken: "</s>")

    /// Gemma: `<start_of_turn>user\ncontent<end_of_turn>\n`, with the system message in the first user message, as in Gemma 3.
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

    /// SmolLM3: ChatML after a system message with dates, a reasoning mode and instructions. Only the format of a
    /// checkpoint's own template has the long default instructions for thinking.
    ///
    /// - Parameter today: the date that the system message states.
    public static func smolLM3(today: Date = Date()) -> ChatFormat {
        ChatFormat(.smolLM3(SmolLM3Header(knowledgeDate: "June 2025", today: today.long)))
    }
}
