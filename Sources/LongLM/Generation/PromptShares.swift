/// Divides the rows that a pass has for prompts among them.
enum PromptShares {
    /// How many rows of prompts a round of a batch has, unless a caller says otherwise, while somebody waits for a token.
    static let defaultRowLimit = 64

    /// The rows of each prompt.
    ///
    /// Half of the rows, rounded up, go to the first prompt, which has waited longest. The rest go to the prompts with
    /// the fewest tokens left; among equals, the earlier one comes first. Each gets as many rows as it has tokens. So a
    /// short prompt is read alongside a long one. The long one still gets at least half the speed, however many short
    /// ones come. Prompts of equal lengths are read one after the other rather than all at once.
    ///
    /// - Parameters:
    ///   - remaining: How many tokens each prompt has left, in the order in which they came.
    ///   - rowLimit: The rows to divide. All of them are used if the prompts have that many tokens.
    static func rowCounts(remaining: [Int], rowLimit: Int) -> [Int] {
        var counts = remaining.map { _ in 0 }
        var left = rowLimit
        func give(_ most: Int, to prompt: Int) {
            let count = min(most, remaining[prompt] - counts[prompt])
            counts[prompt] += count
            left -= count
        }
        if !remaining.isEmpty { give((rowLimit + 1) / 2, to: 0) }
        let byLength = remaining.indices.sorted { (remaining[$0], $0) < (remaining[$1], $1) }
        for prompt in byLength { give(left, to: prompt) }
        return counts
    }
}
