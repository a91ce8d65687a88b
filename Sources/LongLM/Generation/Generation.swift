import Tokenization

/// Continues a session's text, one token each time it is asked.
///
/// Work is done only when a token is asked for. With ``Speculation/automatic``, it may include guesses of later tokens.
/// After ``SessionError/cancelled(position:)``, a generation can be asked again and
/// continues where it was.
public final class Generation {
    /// The session. It holds the text up to the token before the last one that was returned.
    public let session: Session
    /// Why the generation ended; nil while it goes on.
    public private(set) var stopReason: StopReason?
    /// What the generation has taken so far.
    public internal(set) var statistics: GenerationStatistics
    /// All text that has been returned so far. After the text of the session's tokens and the prompt, it is what decoding
    /// all tokens gives, unless ``GenerationOptions/startsText`` is set.
    public private(set) var text = ""

    private let options: GenerationOptions
    private let endTokens: Set<Int>
    /// The model's tokens that the tokenizer doesn't have, such as the rows that pad an embedding. They are never chosen,
    /// unless they end the text.
    private let absentTokens: [Int]
    private var sampler: any Sampler
    private var processors: [any LogitProcessor]
    private var detokenizer: StreamingDetokenizer?
    private var stops: StopMatcher
    /// nil: nothing is guessed ahead.
    private var speculator: Speculator?
    private let constrained: ConstrainedText?
    /// What is left of the prompt.
    private(set) var remainingPrompt: ArraySlice<Int>
    private let progress: ((Int) -> Void)?
    /// The last token, which the session hasn't processed yet.
    private var pending: Int?
    /// Text that was held back until the end, for a last element.
    private var remainder: String?
    /// The session's count of changes after this generation's own last change.
    private var changeCount: Int
    /// A token that has been chosen but has no text. It can't be returned, and no other is chosen in its place.
    private var chosen: Int?

    /// A generation.
    ///
    /// - Parameters:
    ///   - session: The session to continue. Nobody else may process tokens with it in the meantime.
    ///   - prompt: Tokens to process first, when the first token is asked for; may be empty if the session has logits.
    ///   - tokenizer: Turns tokens into text; nil: there is none.
    ///   - options: How to choose tokens, and when to end.
    ///   - draft: A session of a smaller model with the same vocabulary, whose guesses are tried where the text's own
    ///     repetitions give none (``Speculation/automatic``); nil: there is none. Nobody else may process tokens with it in
    ///     the meantime. It may hold any tokens: those that the text doesn't begin with are forgotten.
    ///   - progress: Called after each pass over up to 512 tokens of the prompt, with the number that have been
    ///     processed.
    /// - Throws: ``GenerationError/session(_:)``: with ``SessionError/noTokens`` if there is neither a prompt nor
    ///   logits, with ``SessionError/tokenOutOfRange(id:vocabularySize:)`` and
    ///   ``SessionError/capacityExceeded(needed:capacity:)`` for a prompt that can't be processed, with
    ///   ``SessionError/busy`` if it is called from a prefill's `progress`. ``GenerationError/invalidOption(_:)`` for
    ///   stop sequences or a constraint without a tokenizer, and for more than 1,000 alternatives.
    ///   ``GenerationError/constraint(_:)`` for a constraint that the tokenizer's tokens can't spell.
    public init(
        session: Session, prompt: [Int] = [], tokenizer: Tokenizer? = nil,
        options: GenerationOptions = GenerationOptions(), draft: Session? = nil, progress: ((Int) -> Void)? = nil
    ) throws(GenerationError) {
        if prompt.isEmpty {
            guard !session.logits.isEmpty else { throw .session(.noTokens) }
        } else {
            try generating { () throws(SessionError) in
                try prompt.withUnsafeBufferPointer { (tokens) throws(SessionError) in try session.check(tokens) }
            }
        }
        if tokenizer == nil, !options.stopSequences.isEmpty {
            throw .invalidOption(
                InvalidOption("list of stop sequences", options.stopSequences, allowed: "empty without a tokenizer"))
        }
        do {
            try TokenAlternative.check(count: options.alternativeCount ?? 0)
        } catch { throw .invalidOption(error) }
        self.session = session
        self.options = options
        remainingPrompt = prompt[...]
        self.progress = progress
        endTokens = Set(options.endTokens ?? session.model.endTokens)
        let absent = tokenizer?.unusedIDs(below: session.model.configuration.vocabularySize) ?? []
        absentTokens = absent.joined().filter { [endTokens] in !endTokens.contains($0) }
        sampler = options.sampler
        processors = options.processors
        detokenizer = tokenizer?.makeDetokenizer(
            after: options.startsText ? [] : session.tokens + prompt, keeping: options.keptSpecialTokens)
        stops = StopMatcher(options.stopSequences)
        speculator = options.speculation == .never ? nil : Speculator(draftSession: draft)
        if let constraint = options.constraint {
            constrained = try ConstrainedText(
                constraint, tokenizer, endTokens, vocabularySize: session.model.configuration.vocabularySize,
                after: options.startsText ? [] : session.tokens + prompt)
        } else {
            constrained = nil
        }
        statistics = GenerationStatistics(reusedTokenCount: session.position)
        changeCount = session.changeCount
    }

    /// The next token; nil when the generation has ended.
    ///
    /// - Throws: ``GenerationError/session(_:)`` with ``SessionError/cancelled(position:)`` if the task is cancelled,
    ///   ``GenerationError/sessionChanged`` if somebody else has used the session, ``GenerationError/tokenizer(_:)``
    ///   for a token that the tokenizer doesn't know, ``GenerationError/constraint(_:)`` if the constraint's
    ///   `Constraint.stepLimit` is reached. Every later call throws the second and the third again.
    public func next() throws(GenerationError) -> GeneratedToken? {
        while try prefillPass() {}
        if let token = tokenToDecode() { try decode(token) }
        return try choose()
    }

    /// Processes a token, with a guess of those that follow unless it was part of one.
    private func decode(_ token: Int) throws(GenerationError) {
        let start = ContinuousClock.now
        // The last token of all isn't decoded, nor the one after the token.
        let limit = session.expects(token) ? 0 : options.tokenLimit - statistics.generatedTokenCount - 1
        let guess = speculator?.guess(after: session.tokens, token, limit: max(0, limit), sampler: sampler) ?? []
        let passStart = ContinuousClock.now
        var rowCount = 0
        try generating { () throws(SessionError) in rowCount = try session.decode(token, expecting: guess) }
        let end = ContinuousClock.now
        speculator?.didPass(rowCount: rowCount, seconds: (end - passStart) / .seconds(1))
        statistics.guessedTokenCount += max(0, rowCount - 1)
        didDecode(in: end - start, passCount: rowCount > 0 ? 1 : 0)
    }

    /// Processes up to 512 tokens of the prompt in one pass. ``next()`` processes all that are left. A server calls
    /// this instead, so that others can run in between.
    ///
    /// - Returns: Whether more of the prompt is left.
    /// - Throws: ``GenerationError/session(_:)`` with ``SessionError/cancelled(position:)`` if the task is cancelled,
    ///   ``GenerationError/sessionChanged`` if somebody else has used the session.
    @discardableResult
    public func prefillPass() throws(GenerationError) -> Bool {
        try checkSession()
        if remainingPrompt.isEmpty { return false }
        let part = remainingPrompt.prefix(session.rowLimit)
        let start = ContinuousClock.now
        try generating { () throws(SessionError) in try session.prefill(Array(part)) }
        didPrefill(part.count, in: ContinuousClock.now - start)
        reportProgress()
        return !remainingPrompt.isEmpty
    }

    // The parts of `next()`. Between them, a batch runs one pass for several generations.

    /// Throws if somebody else has used the session, or is using it.
    func checkSession() throws(GenerationError) {
        if stopReason != nil { return }
        guard session.changeCount == changeCount else { throw .sessionChanged }
        if session.isProcessing { throw .session(.busy) }
    }

    /// Records that the session has processed the next tokens of the prompt.
    func didPrefill(_ count: Int, in duration: Duration) {
        remainingPrompt = remainingPrompt.dropFirst(count)
        changeCount = session.changeCount
        statistics.promptTokenCount += count
        statistics.prefillDuration += duration
    }

    /// Tells the caller how much of the prompt has been processed.
    func reportProgress() { progress?(statistics.promptTokenCount) }

    /// The token that the session must process before the next one can be chosen; nil if there is none. If the
    /// generation is complete or its session is full, it ends here.
    func tokenToDecode() -> Int? {
        guard stopReason == nil, let token = pending else { return nil }
        // The last token isn't processed, since no token follows it.
        if statistics.generatedTokenCount >= options.tokenLimit {
            end(.tokenLimit)
        } else if session.position >= session.capacity {
            end(.capacity)
        } else {
            return token
        }
        return nil
    }

    /// Records that the session has processed ``tokenToDecode()``.
    func didDecode(in duration: Duration, passCount: Int = 1) {
        pending = nil
        changeCount = session.changeCount
        statistics.decodeStepCount += 1
        statistics.decodePassCount += passCount
        statistics.decodeDuration += duration
    }

    /// Chooses a token from the session's logits.
    func choose() throws(GenerationError) -> GeneratedToken? {
        if stopReason == nil, statistics.generatedTokenCount >= options.tokenLimit { end(.tokenLimit) }
        guard stopReason == nil else {
            defer { remainder = nil }
            return remainder.map { GeneratedToken(id: nil, text: $0) }
        }
        if constrained?.isComplete == true {
            end(.constraint)
            return try choose()
        }
        let token = if let chosen { chosen } else { try sample() }
        if endTokens.contains(token) {
            end(.endToken(token))
            return try choose()
        }
        let piece: String
        do {
            piece = try detokenizer?.append(token) ?? ""
        } catch {
            chosen = token
            throw .tokenizer(error)
        }
        pending = token
        constrained?.append(token)
        statistics.generatedTokenCount += 1
        let (text, found) = stops.append(piece)
        self.text += text
        if let found {
            stopReason = .stopSequence(found)
        } else if constrained?.isComplete == true {
            end(.constraint)
        }
        return GeneratedToken(
            id: token, text: text, alternativeCount: options.alternativeCount, logits: session.logits)
    }

    private func sample() throws(GenerationError) -> Int {
        if processors.isEmpty, absentTokens.isEmpty, constrained == nil { return sampler.sample(session.logits) }
        var logits = session.logits
        for token in absentTokens { logits[token] = -.infinity }
        try constrained?.restrict(&logits)
        for index in processors.indices { processors[index].process(&logits, after: session.tokens) }
        let token = sampler.sample(logits)
        return constrained?.allowedToken(token, session.logits) ?? token
    }

    /// Ends the text with what was held back.
    private func end(_ reason: StopReason) {
        var (rest, found) = stops.append(detokenizer?.finish() ?? "")
        if found == nil {
            let (last, late) = stops.finish()
            rest += last
            found = late
        }
        stopReason = found.map { .stopSequence($0) } ?? reason
        text += rest
        remainder = rest.isEmpty ? nil : rest
    }
}
