/// A line of progress for a prompt: tokens, and tokens per second.
struct PromptBar {
    private let bar: ProgressBar
    private let tokenCount: Int
    private let start = ContinuousClock.now

    /// A bar for work named `label`.
    ///
    /// - Parameter tokenCount: How many tokens there are in all.
    init(_ label: String, tokenCount: Int) {
        bar = ProgressBar(label)
        self.tokenCount = tokenCount
    }

    /// Shows how many tokens have been processed, and removes the line after the last one.
    func update(_ done: Int) {
        let rate = Double(done) / (ContinuousClock.now - start).seconds
        bar.update(
            Double(done) / Double(max(tokenCount, 1)),
            "\(done.grouped) of \(tokenCount.grouped) tokens, \(Int(clamping: rate).grouped) tokens/s")
        if done >= tokenCount { bar.finish() }
    }

    /// Removes the line.
    func finish() { bar.finish() }
}
