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
    /// Whether tokens are guessed ahead, so that one pass can give several. It changes no token, and no bit of a logit.
    public var speculation: Speculation
    /// The special tokens that have text. All others have none. See `ToolCallForm.tokens(of:)` for those that frame calls
    /// of functions.
    public var keptSpecialTokens: Set<Int> = []

    /// Options.
    public init(
        tokenLimit: Int = 256, sampler: any Sampler = GreedySampler(), processors: [any LogitProcessor] = [],
        endTokens: [Int]? = nil, stopSequences: [String] = [], startsText: Bool = false,
        speculation: Speculation = .automatic
    ) {
        self.tokenLimit = tokenLimit
        self.sampler = sampler
        self.processors = processors
        self.endTokens = endTokens
        self.stopSequences = stopSequences
        self.startsText = startsText
        self.speculation = speculation
    }
}

/// Whether a generation guesses tokens ahead.
///
/// A guess is processed in the same pass as the token before it, and tokens are chosen from the pass's logits exactly as
/// without guesses. So the text is the same; only its time differs. Rounds of a ``Batch`` don't guess.
public enum Speculation: Sendable {
    /// Guesses as many tokens as pay, as measured while the text goes on: what followed when the end of the text stood
    /// earlier in it, or else what the session of a smaller model goes on with, if the generation has one. Summaries,
    /// quotations and edits of a long text gain most. A text that repeats nothing has hardly anything guessed.
    case automatic
    /// Every token takes a pass of its own.
    case never
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
    /// The time of the tokens' forward passes, and of guessing ahead, without the time for choosing them. In a batch, it is the time of the
    /// whole passes.
    public internal(set) var decodeDuration = Duration.zero
    /// Tokens that were decoded: one less than the number of tokens produced, or just as many if an end token came last.
    public internal(set) var decodeStepCount = 0
    /// Forward passes for those tokens. They are fewer than ``decodeStepCount`` by the number of tokens that were guessed
    /// right (``GenerationOptions/speculation``).
    public internal(set) var decodePassCount = 0
    /// Tokens that were guessed ahead, right or wrong.
    public internal(set) var guessedTokenCount = 0

    /// Tokens of the prompt per second; 0 without a prompt.
    public var prefillRate: Double { Self.rate(promptTokenCount, prefillDuration) }
    /// Decoded tokens per second; 0 without any.
    public var decodeRate: Double { Self.rate(decodeStepCount, decodeDuration) }

    private static func rate(_ count: Int, _ duration: Duration) -> Double {
        let seconds = duration / .seconds(1)
        return count > 0 && seconds > 0 ? Double(count) / seconds : 0
    }
}
