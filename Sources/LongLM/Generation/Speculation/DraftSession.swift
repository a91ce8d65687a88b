/// A smaller model's guesses of what another model's text goes on with.
struct DraftSession {
    private let session: Session
    /// How probably the next token of a guess is right.
    private var hitRate = 0.7
    /// The time of a guessed token, in passes of a single row of the other model; 0 before the first.
    private var tokenTime = 0.0
    /// Whether the session has read the text before its end.
    private var hasReadText = false
    /// The last guess, and how many tokens the text had then.
    private var guessed: (tokens: [Int], position: Int)?
    /// Passes since the last guess.
    private var idleCount = 0

    init(_ session: Session) { self.session = session }

    /// Guesses what follows a text: nothing, if that doesn't pay, or if the session can't go so far.
    mutating func guess(
        after tokens: [Int], _ last: Int, limit: Int, cost: PassCost, sampler: any Sampler
    ) -> [Int] {
        learn(from: tokens, last)
        var count = cost.bestGuessLength(limit: limit, tokenTime: tokenTime) { _ in hitRate }
        if count == 0 {
            // Texts change: now and then, a single token tells whether guesses would be right again.
            idleCount += 1
            guard idleCount % 32 == 0 else { return [] }
            count = 1
        }
        idleCount = 0
        let start = ContinuousClock.now
        guard let guess = try? propose(count, after: tokens + [last], sampler: sampler) else { return [] }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        let time = seconds / Double(guess.count) / cost.single
        // The first guess reads the whole text.
        if hasReadText { tokenTime = tokenTime == 0 ? time : tokenTime + (time - tokenTime) / 8 }
        hasReadText = true
        guessed = (guess, tokens.count + 1)
        return guess
    }

    /// Continues the text by `count` tokens.
    private func propose(_ count: Int, after text: [Int], sampler: any Sampler) throws(SessionError) -> [Int] {
        var sampler = sampler
        let shared = try session.keepPrefix(of: text)
        try session.prefill(Array(text[shared...]))
        var guess = [sampler.sample(session.logits)]
        while guess.count < count, let token = guess.last {
            try session.decode(token)
            guess.append(sampler.sample(session.logits))
        }
        return guess
    }

    /// Compares the last guess with what the text has become.
    private mutating func learn(from tokens: [Int], _ last: Int) {
        guard let (guess, position) = guessed else { return }
        guessed = nil
        for (offset, token) in guess.enumerated() {
            let index = position + offset
            guard index <= tokens.count else { return }
            let isHit = token == (index < tokens.count ? tokens[index] : last)
            hitRate += ((isHit ? 1 : 0) - hitRate) / 16
            if !isHit { return }
        }
    }
}
