import SIMDKernels

/// What a forward pass writes besides keys and values. Nothing of it is written when the pass is cancelled.
struct PassOutput {
    /// The logits of ``Pass/logitRows``, [logitRows.count, V]; nil only if there are no such rows.
    var logits: UnsafeMutablePointer<Float>?
    /// All rows of the stream after the last normalisation, [rowCount, hidden].
    var hiddenStates: UnsafeMutablePointer<Float>?
    /// How probable the tokens are that follow the first rows.
    var scoring: TokenScoring?
}

/// The scores of tokens that follow the first rows of a pass.
struct TokenScoring {
    /// How many rows are followed by a token.
    let count: Int
    /// The tokens that follow them, [count].
    let tokens: UnsafePointer<Int>
    /// Where the scores go, [count].
    let scores: UnsafeMutablePointer<TokenScore>
    /// How many alternatives each score has.
    let alternativeCount: Int
    /// Memory for the logits of some rows at a time, [rowLimit, V].
    let logits: UnsafeMutablePointer<Float>
    let rowLimit: Int

    /// How many rows' logits are in memory at once: as many as take 16 MiB, but between 8 and 64. Every such group of rows
    /// reads the whole projection onto the vocabulary, so very few rows would be slow. The number changes no bit.
    static func rowLimit(vocabularySize: Int) -> Int { min(max((4 << 20) / vocabularySize, 8), 64) }
}
