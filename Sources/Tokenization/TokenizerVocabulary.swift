/// The vocabulary of a GGUF file: what its keys under `tokenizer.` say.
///
/// It is a plain value. Whoever reads the file fills it in, and ``Tokenizer/init(vocabulary:)`` checks it. Each property
/// names the key that it comes from; nil stands for a key that the file doesn't have. A token's id is its index.
///
/// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md.
public struct TokenizerVocabulary: Sendable {
    /// What errors call the file.
    public var file: String
    /// `tokenizer.ggml.model`: "gpt2" for byte-level BPE, or "llama" for SentencePiece's BPE with scores and byte
    /// fallback.
    public var model: String
    /// `tokenizer.ggml.pre`: which pre-tokenizer a "gpt2" model has. "llama" models have none.
    public var pre: String?
    /// `tokenizer.ggml.tokens`: the tokens' spellings.
    public var tokens: [String]
    /// `tokenizer.ggml.token_type`: the type of each token. 1 is an ordinary one, 2 the unknown one, 3 a control token, 4
    /// a user-defined one, 5 an unused one, and 6 stands for a byte.
    public var tokenTypes: [Int32]?
    /// `tokenizer.ggml.scores`: the score of each token of a "llama" model. The pair of neighbours whose result has the
    /// greatest score is merged first.
    public var scores: [Float]?
    /// `tokenizer.ggml.merges`: the merges of a "gpt2" model, "left right", the first one first.
    public var merges: [String]?
    /// `tokenizer.ggml.bos_token_id`: the token at the beginning of a text.
    public var beginningID: Int?
    /// `tokenizer.ggml.eos_token_id`: the token at the end of a text.
    public var endID: Int?
    /// `tokenizer.ggml.eot_token_id`: the token at the end of a turn of a chat.
    public var endOfTurnID: Int?
    /// `tokenizer.ggml.eom_token_id`: the token at the end of a message, where it isn't that of a turn.
    public var endOfMessageID: Int?
    /// `tokenizer.ggml.unknown_token_id`: the unknown token.
    public var unknownID: Int?
    /// `tokenizer.ggml.padding_token_id`: the token that fills up batches.
    public var paddingID: Int?
    /// `tokenizer.ggml.add_bos_token`: whether encoding puts the beginning token in front of a text.
    public var addsBeginning: Bool?
    /// `tokenizer.ggml.add_eos_token`: whether encoding puts the end token behind a text.
    public var addsEnd: Bool?
    /// `tokenizer.ggml.add_space_prefix`: whether a "llama" model puts a space in front of a text.
    public var addsSpacePrefix: Bool?
    /// `tokenizer.chat_template`: the chat template, a Jinja program.
    public var chatTemplate: String?
    /// `tokenizer.chat_template.tool_use`: the template for chats with tools, where it is another one. It's written, but not
    /// read.
    package var toolTemplate: String?

    /// Creates a vocabulary. The properties say what each argument is.
    public init(
        file: String, model: String, pre: String? = nil, tokens: [String], tokenTypes: [Int32]? = nil,
        scores: [Float]? = nil, merges: [String]? = nil, beginningID: Int? = nil, endID: Int? = nil,
        endOfTurnID: Int? = nil, endOfMessageID: Int? = nil, unknownID: Int? = nil, paddingID: Int? = nil,
        addsBeginning: Bool? = nil, addsEnd: Bool? = nil, addsSpacePrefix: Bool? = nil, chatTemplate: String? = nil
    ) {
        self.file = file
        self.model = model
        self.pre = pre
        self.tokens = tokens
        self.tokenTypes = tokenTypes
        self.scores = scores
        self.merges = merges
        self.beginningID = beginningID
        self.endID = endID
        self.endOfTurnID = endOfTurnID
        self.endOfMessageID = endOfMessageID
        self.unknownID = unknownID
        self.paddingID = paddingID
        self.addsBeginning = addsBeginning
        self.addsEnd = addsEnd
        self.addsSpacePrefix = addsSpacePrefix
        self.chatTemplate = chatTemplate
    }
}
