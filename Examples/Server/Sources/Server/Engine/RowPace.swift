/// How many rows of prompts a round takes while others wait for their next token, so that they don't wait for long.
///
/// The time of a row differs a hundredfold between models, and grows with the length of a text, so it is measured from the
/// rounds that have passed.
struct RowPace {
    /// How long a round may take.
    private static let roundLimit = 0.15
    /// Rows before anything has been measured.
    private static let firstRowCount = 32
    /// Some rows go on however slow they are.
    private static let leastRowCount = 4
    /// The weight of the last round among all.
    private static let weight = 0.5

    /// Seconds of a round without rows of prompts; 0: not measured.
    private var tokenSeconds = 0.0
    /// Seconds that a row of a prompt adds to a round; nil: not measured.
    private var rowSeconds: Double?

    /// The rows of prompts of the next round.
    ///
    /// - Parameter limit: The most rows.
    func rowCount(limit: Int) -> Int {
        guard let rowSeconds, rowSeconds > 0 else { return min(Self.firstRowCount, limit) }
        // Where tokens alone take long, a round may take twice as long.
        let room = max(Self.roundLimit - tokenSeconds, tokenSeconds)
        return min(max(Int(min(room / rowSeconds, Double(limit))), Self.leastRowCount), limit)
    }

    /// Takes note of a round.
    ///
    /// - Parameters:
    ///   - rowCount: Its rows of prompts.
    ///   - tokenCount: Its rows of next tokens.
    ///   - duration: How long it took.
    mutating func record(rowCount: Int, tokenCount: Int, duration: Duration) {
        let seconds = duration / .seconds(1)
        if rowCount == 0 {
            tokenSeconds = tokenSeconds == 0 ? seconds : mean(tokenSeconds, seconds)
        } else {
            let rest = tokenCount > 0 ? max(seconds - tokenSeconds, seconds / 10) : seconds
            rowSeconds = rowSeconds.map { mean($0, rest / Double(rowCount)) } ?? rest / Double(rowCount)
        }
    }

    private func mean(_ past: Double, _ last: Double) -> Double { past + Self.weight * (last - past) }
}
