/// Divides the rows that a pass has for prompts among them.
enum PromptShares {
    /// How many rows of prompts a round of a batch has, unless a caller says otherwise, while somebody waits for a token.
    static let defaultRowLimit = 64

    /// A prompt is short beside the first one if it has at most this part of the tokens left that the first one has.
    private static let shortPart = 4

    /// The rows of each prompt.
    ///
    /// Prompts are read in the order in which they came, but short ones don't wait: half of the rows, rounded up, go to
    /// the first prompt, and the rest to prompts with at most a quarter of the first one's tokens left, the shortest
    /// first. What those don't need goes to all prompts in their order. So a short prompt is read alongside a long one, the
    /// long one still gets at least half the speed, however many short ones come, and of several long ones the first is
    /// read as fast as alone.
    ///
    /// - Parameters:
    ///   - remaining: How many tokens each prompt has left, in the order in which they came.
    ///   - rowLimit: The rows to divide. All of them are used if the prompts have that many tokens.
    static func rowCounts(remaining: [Int], rowLimit: Int) -> [Int] {
        guard let first = remaining.first else { return [] }
        var counts = remaining.map { _ in 0 }
        var left = rowLimit
        func give(_ most: Int, to prompt: Int) {
            let count = min(most, remaining[prompt] - counts[prompt])
            counts[prompt] += count
            left -= count
        }
        give((rowLimit + 1) / 2, to: 0)
        let short = remaining.indices.filter { remaining[$0] <= first / shortPart }
        for prompt in short.sorted(by: { (remaining[$0], $0) < (remaining[$1], $1) }) { give(left, to: prompt) }
        for prompt in remaining.indices { give(left, to: prompt) }
        return counts
    }
}
