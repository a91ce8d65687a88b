import LongLM

/// How many tokens of a request's prompts didn't have to be read.
struct PromptReuse: Sendable {
    private let promptLengths: [Int]
    /// The prompt of each choice.
    private let prompts: [Int]
    /// Of each prompt; nil: not known yet.
    private var counts: [Int?]

    init(_ work: TextWork) {
        promptLengths = work.prompts.map(\.count)
        prompts = work.choices.map(\.prompt)
        counts = promptLengths.map { _ in nil }
    }

    /// Counts what a choice found.
    mutating func add(_ statistics: GenerationStatistics, choice: Int) {
        // Choices of one prompt share what the first of them has read.
        let prompt = prompts[choice]
        let reused = min(statistics.reusedTokenCount, promptLengths[prompt])
        counts[prompt] = min(counts[prompt] ?? reused, reused)
    }

    /// All of them so far.
    var tokenCount: Int { counts.reduce(0) { $0 + ($1 ?? 0) } }
}
