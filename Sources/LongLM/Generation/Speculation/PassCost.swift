/// What passes of one text take, as measured: a pass of a single row, and a line through the times of all others. Products
/// of several rows are computed in another way than those of one, so that a second row may cost as much as ten more.
package struct PassCost {
    package init() {}

    /// The time of a pass of a single row, in seconds; 0 before the first.
    package private(set) var single = 0.0

    // Of passes of several rows: the weight of all, and weighted sums of their rows, of their times in passes of a single row,
    // and of products. Before any was measured, one of two rows is taken for 1.3 times a pass of one row, and one of 16 rows
    // for three times.
    private var weight = 2.0
    private var rows = 18.0
    private var times = 4.3
    private var squares = 260.0
    private var products = 50.6

    /// Takes note of a pass.
    package mutating func add(rowCount: Int, seconds: Double) {
        guard rowCount > 0, seconds > 0 else { return }
        if rowCount == 1 {
            // A pass that was held up counts little.
            single = single == 0 ? seconds : single + (min(seconds, 2 * single) - single) / 8
            return
        }
        guard single > 0 else { return }
        let row = Double(rowCount)
        let time = min(seconds / single, 2 * time(rowCount: rowCount))
        let memory = 0.9
        weight = memory * weight + 1
        rows = memory * rows + row
        times = memory * times + time
        squares = memory * squares + row * row
        products = memory * products + row * time
    }

    /// The time of a pass, in passes of a single row, at least 1.
    package func time(rowCount: Int) -> Double {
        if rowCount == 1 { return 1 }
        let spread = weight * squares - rows * rows
        // Passes of one size alone give no slope.
        let slope = spread > 0.01 * weight * weight ? max(0, (weight * products - rows * times) / spread) : 0.1
        return max(1, times / weight + slope * (Double(rowCount) - rows / weight))
    }

    /// The number of guessed tokens for which the most tokens per time can be expected. That is the sum over the guess of
    /// the probabilities that all of it up to a token is right, and one for the token that the pass gives in any case, over
    /// the time. A guess must promise a little more than none.
    ///
    /// - Parameters:
    ///   - limit: The most tokens, at least 0.
    ///   - tokenTime: The time that guessing a token takes, in passes of a single row.
    ///   - probability: How probably a token is right if all before it are, by its index in the guess.
    package func bestGuessLength(limit: Int, tokenTime: Double = 0, probability: (Int) -> Double) -> Int {
        var (best, bestRate) = (0, 1.02)
        var (allAreRight, expectedCount) = (1.0, 1.0)
        for index in 0..<limit {
            allAreRight *= probability(index)
            expectedCount += allAreRight
            let rate = expectedCount / (time(rowCount: index + 2) + Double(index + 1) * tokenTime)
            if rate > bestRate { (best, bestRate) = (index + 1, rate) }
        }
        return best
    }
}
