import SIMDKernels

extension Session {
    /// Processes tokens as ``prefill(_:progress:)`` does, and says how probable each of them was as the continuation of
    /// the text before it.
    ///
    /// The first token is scored with the session's ``logits``. The first token of a text, in an empty session, is given
    /// and not predicted: it counts as certain, with a log probability of 0. So the sum of the scores of a whole text is
    /// the log probability of all that follows its first token. Afterwards, the session holds the tokens, and ``logits``
    /// are those of the last one. To score several continuations of one text, score each in a ``fork()``.
    ///
    /// Log probabilities are computed in double precision from the model's logits, and their bits are as reproducible as
    /// those of the logits. The logits themselves are never in memory for more than some rows: the call takes up to 16 MiB
    /// for them (or 8 · V floats, where that is more), and 16 bytes for each token.
    ///
    /// - Parameters:
    ///   - tokens: At least one.
    ///   - progress: Called after each pass with how many of `tokens` have been processed. The session refuses other
    ///     work during the call.
    /// - Returns: One score for each token.
    /// - Throws: ``SessionError`` as ``prefill(_:progress:)``; ``SessionError/memory(_:)`` if there is not enough for
    ///   some rows of logits; ``SessionError/invalidOption(_:)`` if the session holds tokens but no logits, as after
    ///   ``truncate(to:)``.
    public func score(_ tokens: [Int], progress: ((Int) -> Void)? = nil) throws(SessionError) -> [TokenScore] {
        try score(tokens, alternativeCount: 0, progress: progress)
    }

    /// Scores tokens as ``score(_:progress:)`` does, and says which tokens were the most probable in the place of each.
    ///
    /// - Parameters:
    ///   - tokens: At least one.
    ///   - alternativeCount: How many of the most probable tokens each score names, between 0 and 1,000. They take 16 bytes
    ///     each.
    ///   - progress: Called after each pass with how many of `tokens` have been processed.
    /// - Returns: One score for each token.
    /// - Throws: As ``score(_:progress:)``; ``SessionError/invalidOption(_:)`` for a wrong number of alternatives.
    public func score(
        _ tokens: [Int], alternativeCount: Int, progress: ((Int) -> Void)? = nil
    ) throws(SessionError) -> [TokenScore] {
        do {
            try TokenAlternative.check(count: alternativeCount)
        } catch { throw .invalidOption(error) }
        return try tokens.withUnsafeBufferPointer { (tokens) throws(SessionError) in
            try check(tokens)
            let vocabularySize = model.configuration.vocabularySize
            guard position == 0 || logits.count == vocabularySize else {
                throw .invalidOption(
                    InvalidOption(
                        "number of logits of the session", logits.count,
                        allowed: "\(vocabularySize): truncate to one token less, and prefill that token again"))
            }
            var scores = [TokenScore](repeating: .certain, count: tokens.count)
            if position > 0 {
                scores[0] = logits.withUnsafeBufferPointer {
                    TokenScore(of: tokens[0], alternativeCount: alternativeCount, logits: $0)
                }
            }
            try scores.withUnsafeMutableBufferPointer { (scores) throws(SessionError) in
                try score(tokens, alternativeCount: alternativeCount, into: scores, progress)
            }
            return scores
        }
    }

    /// Scores all tokens but the first, and makes the last one's logits the session's.
    private func score(
        _ tokens: UnsafeBufferPointer<Int>, alternativeCount: Int,
        into scores: UnsafeMutableBufferPointer<TokenScore>, _ progress: ((Int) -> Void)?
    ) throws(SessionError) {
        let vocabularySize = model.configuration.vocabularySize
        let rowLimit = min(TokenScoring.rowLimit(vocabularySize: vocabularySize), tokens.count)
        let reservation = try reserveMemory(
            rowLimit * vocabularySize * MemoryLayout<Float>.stride, for: .logits(tokenCount: rowLimit))
        defer { withExtendedLifetime(reservation) {} }
        let rows = AlignedBuffer(floatCount: rowLimit * vocabularySize)
        var last = [Float](repeating: 0, count: vocabularySize)
        try forEachPass(over: tokens, progress) { read in
            guard let firstToken = tokens.baseAddress, let firstScore = scores.baseAddress else { return false }
            let isLast = read.upperBound == tokens.count
            // A row predicts the token after its own. None follows the last.
            let next = read.lowerBound + 1
            let scoring = TokenScoring(
                count: isLast ? read.count - 1 : read.count, tokens: firstToken + next, scores: firstScore + next,
                alternativeCount: alternativeCount, logits: rows.floats, rowLimit: rowLimit)
            return last.withUnsafeMutableBufferPointer { last in
                advance(
                    UnsafeBufferPointer(rebasing: tokens[read]),
                    logitRows: isLast ? (read.count - 1)..<read.count : 0..<0,
                    into: PassOutput(logits: last.baseAddress, scoring: scoring))
            }
        }
        logits = last
    }

    /// The log probability of each token as the continuation of the text before it: what ``score(_:progress:)`` says of
    /// it.
    public func logProbabilities(
        of tokens: [Int], progress: ((Int) -> Void)? = nil
    ) throws(SessionError) -> [Double] {
        try score(tokens, progress: progress).map(\.logProbability)
    }
}
