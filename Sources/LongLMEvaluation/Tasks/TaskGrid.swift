import LongLM

/// Which prompts a sweep asks: every task at every length, several times. They depend on no model but for its tokenizer.
public struct TaskGrid: Sendable {
    /// The tasks.
    public let tasks: [RulerTask]
    /// Tokens of the prompt and of the longest answer.
    public let lengths: [Int]
    /// The number of prompts for each task and length.
    public let count: Int
    /// The seed of the prompts' random numbers.
    public let seed: UInt64
    let hay: TaskHay
    let form: TaskForm

    /// One prompt of the grid.
    struct Place: PromptPlace {
        let task: RulerTask
        let length: Int
        /// The sample's number, from 0.
        let number: Int
        /// The place in the order in which the whole sweep runs.
        let index: Int

        var answerTokenLimit: Int { task.answerTokenLimit }
    }

    /// A grid. Lengths in which a task has no room are refused here.
    ///
    /// - Parameters:
    ///   - tasks: The tasks, each once.
    ///   - lengths: Tokens of the prompt and of the longest answer, each once.
    ///   - count: The number of prompts for each task and length, at least 1.
    ///   - seed: The seed of the random numbers.
    ///   - hay: The prose.
    ///   - form: How a prompt becomes tokens.
    /// - Throws: ``EvaluationError/invalidSetting(_:)``.
    public init(
        tasks: [RulerTask], lengths: [Int], count: Int, seed: UInt64, hay: TaskHay, form: TaskForm
    ) throws(EvaluationError) {
        guard !tasks.isEmpty, !lengths.isEmpty else {
            throw .invalidSetting("there is no task or no length to measure")
        }
        guard Set(tasks).count == tasks.count, Set(lengths).count == lengths.count else {
            throw .invalidSetting("a task or length is named twice")
        }
        guard count >= 1 else { throw .invalidSetting("a count of \(count) samples; there must be at least 1") }
        self.tasks = tasks
        self.lengths = lengths
        self.count = count
        self.seed = seed
        self.hay = hay
        self.form = form
        for place in places(nil) { try place.task.checkRoom(length: place.length, place.number, seed, hay, form) }
    }

    /// The prompts of a part in their order: task by task, length by length.
    func places(_ shard: Shard?) -> [Place] {
        var places: [Place] = []
        var index = 0
        for task in tasks {
            for length in lengths {
                for number in 0..<count {
                    if shard?.contains(index) ?? true {
                        places.append(Place(task: task, length: length, number: number, index: index))
                    }
                    index += 1
                }
            }
        }
        return places
    }

    func sample(_ place: Place) throws(EvaluationError) -> (sample: TaskSample, tokens: [Int]) {
        try place.task.sample(length: place.length, number: place.number, seed: seed, hay: hay, form: form)
    }

    /// The prompts as JSON lines with the names of RULER's own files: `index` (the sample's number), `input`,
    /// `answer_prefix` and `outputs` (the right answers); and `task`, `length` and `tokens` (of the prompt).
    ///
    /// - Parameters:
    ///   - shard: The part of the grid; nil: all of it.
    ///   - write: Called with each line and its line break.
    /// - Throws: ``EvaluationError``, or what `write` throws.
    public func writePrompts(
        shard: Shard? = nil, _ write: (String) throws(EvaluationError) -> Void
    ) throws(EvaluationError) {
        for place in places(shard) {
            let (sample, tokens) = try sample(place)
            try write(
                jsonLine(
                    PromptLine(
                        task: place.task.rawValue, length: place.length, index: place.number, input: sample.prompt,
                        answerPrefix: sample.answerPrefix, outputs: sample.references, tokens: tokens.count)))
        }
    }
}

/// A line of ``TaskGrid/writePrompts(shard:_:)``, with the names of RULER's files.
private struct PromptLine: Encodable {
    let task: String
    let length: Int
    let index: Int
    let input: String
    let answerPrefix: String
    let outputs: [String]
    let tokens: Int

    enum CodingKeys: String, CodingKey {
        case task, length, index, input, outputs, tokens
        case answerPrefix = "answer_prefix"
    }
}
