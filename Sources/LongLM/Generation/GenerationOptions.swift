/// How a text is continued. The default takes the most probable token each time, up to 256 of them.
public struct GenerationOptions: Sendable {
    /// The most tokens to produce.
    public var tokenLimit: Int
    /// Chooses the tokens. A generation works on a copy of its own.
    public var sampler: any Sampler
    /// Change the logits first, in this order. A generation works on copies of its own.
    public var processors: [any LogitProcessor]
    /// The tokens that end the text; nil: the model's own. They are not returned.
    public var endTokens: [Int]?
    /// Texts that end the text before them. They need a tokenizer.
    public var stopSequences: [String]

    /// Options.
    public init(
        tokenLimit: Int = 256, sampler: any Sampler = GreedySampler(), processors: [any LogitProcessor] = [],
        endTokens: [Int]? = nil, stopSequences: [String] = []
    ) {
        self.tokenLimit = tokenLimit
        self.sampler = sampler
        self.processors = processors
        self.endTokens = endTokens
        self.stopSequences = stopSequences
    }
}

/// What a generation produces at a time.
public struct GeneratedToken: Sendable, Equatable {
    /// The token; nil for text alone, which was held back until the end.
    public let id: Int?
    /// The text that is complete by now and was not returned before. It can be empty: a character may be spread over several
    /// tokens, and what may become a stop sequence waits until it is known. Empty without a tokenizer.
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
    /// As many tokens as were asked for.
    case tokenLimit
    /// The session is full.
    case capacity
    /// The text came to this stop sequence.
    case stopSequence(String)
}

/// What a generation took.
public struct GenerationStatistics: Sendable, Equatable {
    /// Tokens that the session held already when the generation was made.
    public internal(set) var reusedTokenCount: Int
    /// Tokens of the prompt that the generation processed.
    public internal(set) var promptTokenCount = 0
    /// Tokens that were produced.
    public internal(set) var generatedTokenCount = 0
    /// Time of the prompt's forward passes. In a batch, that of the whole passes, whoever else was in them.
    public internal(set) var prefillDuration = Duration.zero
    /// Time of the tokens' forward passes, without that of choosing them. In a batch, that of the whole passes.
    public internal(set) var decodeDuration = Duration.zero
    /// Forward passes of single tokens: one less than tokens were produced, or as many when an end token came last.
    public internal(set) var decodeStepCount = 0

    /// Tokens of the prompt per second; 0 without a prompt.
    public var prefillRate: Double { Self.rate(promptTokenCount, prefillDuration) }
    /// Decode steps per second; 0 without any.
    public var decodeRate: Double { Self.rate(decodeStepCount, decodeDuration) }

    private static func rate(_ count: Int, _ duration: Duration) -> Double {
        let seconds = duration / .seconds(1)
        return count > 0 && seconds > 0 ? Double(count) / seconds : 0
    }
}
