/// Guesses the next tokens of a generation, as many as pay.
///
/// The guess comes from the text itself (``PromptLookup``), or else from a smaller model (``DraftSession``). How many tokens
/// are guessed depends on how often guesses were right and on what further rows of a pass cost, both as measured in this
/// generation. Neither changes a token of the result.
struct Speculator {
    private var lookup = PromptLookup()
    private var cost = PassCost()
    /// How probably the token after a match is guessed right, by the match's length, from 1.
    private var hitRates = (1...PromptLookup.maximumLength).map { (length: Int) -> Double in
        1 - 1 / (1 + 0.25 * Double(length))
    }
    private var draft: DraftSession?

    /// - Parameter draftSession: A session of a smaller model; nil: there is none.
    init(draftSession: Session?) { draft = draftSession.map(DraftSession.init) }

    /// Guesses what follows a text.
    ///
    /// - Parameters:
    ///   - tokens: The text without its last token.
    ///   - last: The last token.
    ///   - limit: The most tokens that are wanted.
    ///   - sampler: Chooses the tokens of the text; a copy chooses those of a draft.
    mutating func guess(after tokens: [Int], _ last: Int, limit: Int, sampler: any Sampler) -> [Int] {
        // Whether it was used or not, the last match tells.
        if let match = lookup.match, match.next < tokens.count {
            let rate = hitRates[match.length - 1]
            hitRates[match.length - 1] += ((tokens[match.next] == last ? 1 : 0) - rate) / 8
        }
        lookup.update(after: tokens, last)
        let limit = min(limit, Lookahead.maximumRowCount - 1)
        // A pass of a single row tells what others are compared with.
        guard limit > 0, cost.single > 0 else { return [] }
        if let match = lookup.match {
            let count = cost.bestGuessLength(limit: limit) { index in
                hitRates[min(match.length + index, PromptLookup.maximumLength) - 1]
            }
            if count > 0 { return lookup.guess(count, after: tokens, last) }
        }
        return draft?.guess(after: tokens, last, limit: limit, cost: cost, sampler: sampler) ?? []
    }

    /// Takes note of a pass.
    mutating func didPass(rowCount: Int, seconds: Double) { cost.add(rowCount: rowCount, seconds: seconds) }
}
