import Constraints

/// How a text is continued. By default, the most probable token is taken each time, up to 256 of them.
public struct GenerationOptions: Sendable {
    /// The most tokens to produce.
    public var tokenLimit: Int
    /// Chooses the tokens. A generation works on a copy of its own.
    public var sampler: any Sampler
    /// These change the logits first, in this order. A generation works on copies of its own.
    public var processors: [any LogitProcessor]
    /// The tokens that end the text; nil: the model's own. They are not returned.
    public var endTokens: [Int]?
    /// The text ends before the first of these. They need a tokenizer.
    public var stopSequences: [String]
    /// Whether the text is one of its own, such as an answer in a chat, and doesn't continue the session's text. A
    /// SentencePiece-style tokenizer then drops the space before its first word.
    public var startsText: Bool
    /// What the text has to be, such as JSON of a schema; nil: anything. It needs a tokenizer. Tokens that don't fit are
    /// forbidden before the processors and the sampler see the logits, and the text ends as soon as nothing may follow. A
    /// text that reaches ``tokenLimit``, its session's end or a stop sequence first may be incomplete.
    public var constraint: Constraint?

    /// Options.
    public init(
        tokenLimit: Int = 256, sampler: any Sampler = GreedySampler(), processors: [any LogitProcessor] = [],
        endTokens: [Int]? = nil, stopSequences: [String] = [], startsText: Bool = false
    ) {
        self.tokenLimit = tokenLimit
        self.sampler = sampler
        self.processors = processors
        self.endTokens = endTokens
        self.stopSequences = stopSequences
        self.startsText = startsText
    }
}

/// What a generation produces in one go.
public struct GeneratedToken: Sendable, Equatable {
    /// The token; nil if the element is only text that was held back until the end.
    public let id: Int?
    /// The text that is now complete and has not been returned before. It can be empty, since a character may be spread
    /// over several tokens, and text that may become a stop sequence is held back. It is empty without a tokenizer.
    public let text: String

    /// A token with its text.
    public init(id: Int?, text: String) {
        self.id = id
        self.text = text
    }
}

/// Why a generation ended.
public enum StopReason: Sendable, Equatable {
    /// The model produced one of its end tokens.
    case endToken(Int)
    /// It has as many tokens as were asked for.
    case tokenLimit
    /// The session is full.
    case capacity
    /// The text reached this stop sequence.
    case stopSequence(String)
    /// It is complete: its constraint allows nothing more.
    case constraint
}

/// What a generation took.
public struct GenerationStatistics: Sendable, Equatable {
    /// Tokens that the session already held when the generation was made.
    public internal(set) var reusedTokenCount: Int
    /// Tokens of the prompt that the generation processed.
    public internal(set) var promptTokenCount = 0
    /// Tokens that were produced.
    public internal(set) var generatedTokenCount = 0
    /// The time of the prompt's forward passes. In a batch, it is the time of the whole passes, whatever else was in
    /// them.
    public internal(set) var prefillDuration = Duration.zero
    /// The time of the tokens' forward passes, without the time for choosing them. In a batch, it is the time of the
    /// whole passes.
    public internal(set) var decodeDuration = Duration.zero
    /// Forward passes of single tokens: one less than the number of tokens produced, or just as many if an end token
    /// came last.
    public internal(set) var decodeStepCount = 0

    /// Tokens of the prompt per second; 0 without a prompt.
    public var prefillRate: Double { Self.rate(promptTokenCount, prefillDuration) }
    /// Forward passes of single tokens per second; 0 without any.
    public var decodeRate: Double { Self.rate(decodeStepCount, decodeDuration) }

    private static func rate(_ count: Int, _ duration: Duration) -> Double {
        let seconds = duration / .seconds(1)
        return count > 0 && seconds > 0 ? Double(count) / seconds : 0
    }
}
