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
    /// Whether tokens are guessed ahead, so that one pass can give several. It changes no token, and no bit of a logit.
    public var speculation: Speculation
    /// The special tokens that have text. All others have none. See `ToolCallForm.tokens(of:)` for those that frame calls
    /// of functions.
    public var keptSpecialTokens: Set<Int> = []
    /// How many of the most probable tokens are reported with each token, in ``GeneratedToken/alternatives``. With 0, only
    /// the token's own ``GeneratedToken/logProbability`` is computed; nil, the default: nothing is.
    public var alternativeCount: Int?
    /// What the text has to be, such as JSON of a schema; nil: anything. It needs a tokenizer. Tokens that don't fit are
    /// forbidden before the processors and the sampler see the logits, and the text ends as soon as nothing may follow. A
    /// text that reaches ``tokenLimit``, its session's end or a stop sequence first may be incomplete.
    public var constraint: Constraint?

    /// Options.
    public init(
        tokenLimit: Int = 256, sampler: any Sampler = GreedySampler(), processors: [any LogitProcessor] = [],
        endTokens: [Int]? = nil, stopSequences: [String] = [], startsText: Bool = false,
        speculation: Speculation = .automatic, alternativeCount: Int? = nil, constraint: Constraint? = nil
    ) {
        self.tokenLimit = tokenLimit
        self.sampler = sampler
        self.processors = processors
        self.endTokens = endTokens
        self.stopSequences = stopSequences
        self.startsText = startsText
        self.speculation = speculation
        self.alternativeCount = alternativeCount
        self.constraint = constraint
    }
}

/// Whether a generation guesses tokens ahead.
///
/// A guess is processed in the same pass as the token before it, and tokens are chosen from the pass's logits exactly as
/// without guesses. So the text is the same; only its time differs. Rounds of a ``Batch`` don't guess.
public enum Speculation: Sendable {
    /// Guesses the next tokens (speculative decoding). If the last tokens occurred earlier in the text, the guess is what
    /// followed there. Otherwise, it comes from the draft model's session, if the generation has one. The number of guesses
    /// is adjusted to what saves time, as measured during the generation. Summaries, quotations and
    /// edits of a long text gain most. Without a draft model, hardly anything is guessed in a text without repetitions.
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
    /// ln of the token's probability by the model's own logits, before any ``LogitProcessor`` and the sampler's
    /// temperature; nil unless ``GenerationOptions/alternativeCount`` asks for it, or without a token.
    public let logProbability: Double?
    /// The most probable tokens by the same logits, the most probable first, and of equal ones the one with the lower id;
    /// as many as ``GenerationOptions/alternativeCount`` says. The token itself may be among them.
    public let alternatives: [TokenAlternative]

    /// A token with its text.
    public init(id: Int?, text: String) { self.init(id: id, text: text, logProbability: nil, alternatives: []) }

    /// A token with its text and probabilities.
    public init(id: Int?, text: String, logProbability: Double?, alternatives: [TokenAlternative]) {
        self.id = id
        self.text = text
        self.logProbability = logProbability
        self.alternatives = alternatives
    }
}

extension GeneratedToken {
    /// A token with its text, and its probabilities if they are asked for.
    ///
    /// - Parameters:
    ///   - alternativeCount: ``GenerationOptions/alternativeCount``.
    ///   - logits: The model's own, [V], from which the token was chosen.
    init(id: Int, text: String, alternativeCount: Int?, logits: [Float]) {
        guard let alternativeCount else {
            self.init(id: id, text: text)
            return
        }
        let (own, alternatives) = logits.withUnsafeBufferPointer { logits in
            let normalizer = LogProbability.normalizer(of: logits)
            return (
                LogProbability.of(Double(logits[id]), normalizer),
                TokenAlternative.greatest(alternativeCount, of: logits, normalizer)
            )
        }
        self.init(id: id, text: text, logProbability: own, alternatives: alternatives)
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
    public var reusedTokenCount: Int
    /// Tokens of the prompt that the generation processed.
    public var promptTokenCount = 0
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

    /// Statistics of a text before its first token. The other counts and times are 0.
    public init(reusedTokenCount: Int, promptTokenCount: Int = 0) {
        self.reusedTokenCount = reusedTokenCount
        self.promptTokenCount = promptTokenCount
    }

    /// Tokens of the prompt per second; 0 without a prompt.
    public var prefillRate: Double { Self.rate(promptTokenCount, prefillDuration) }
    /// Decoded tokens per second; 0 without any.
    public var decodeRate: Double { Self.rate(decodeStepCount, decodeDuration) }

    private static func rate(_ count: Int, _ duration: Duration) -> Double {
        let seconds = duration / .seconds(1)
        return count > 0 && seconds > 0 ? Double(count) / seconds : 0
    }
}
