import LongLM

/// RULER's synthetic tasks (Hsieh et al., 2024, arXiv 2404.06654), with its numbers of needles, hops and words.
///
/// The prompts' sentences are those of NVIDIA/RULER (Apache License 2.0), since they are part of what the tasks are. The text
/// around the needles of essays, the words and the random numbers are our own, so scores aren't RULER's to the digit.
public enum RulerTask: String, CaseIterable, Sendable {
    /// One number for a word, in sentences that repeat.
    case singleNeedle1 = "niah_single_1"
    /// One number for a word, in prose.
    case singleNeedle2 = "niah_single_2"
    /// One UUID for a word, in prose.
    case singleNeedle3 = "niah_single_3"
    /// Four words with a number each in prose, one of which is asked for.
    case multipleKeys1 = "niah_multikey_1"
    /// One number for a word, among nothing but sentences of the same form.
    case multipleKeys2 = "niah_multikey_2"
    /// One UUID for a UUID, among nothing but sentences of the same form.
    case multipleKeys3 = "niah_multikey_3"
    /// Four numbers for one word, in prose.
    case multipleValues = "niah_multivalue"
    /// Four words with a number each in prose, all of which are asked for.
    case multipleQueries = "niah_multiquery"
    /// Variables that are assigned from one another.
    case variableTracking = "vt"
    /// The ten most common words of a list.
    case commonWords = "cwe"
    /// The three most frequent words of a text whose words follow Zipf's law.
    case frequentWords = "fwe"

    /// How RULER scores an answer: by the share of the references that it contains.
    public var metric: TaskMetric { .containsAll }

    /// The most tokens of an answer.
    public var answerTokenLimit: Int {
        switch self {
        case .variableTracking: 30
        case .commonWords: 120
        case .frequentWords: 50
        default: 128
        }
    }

    /// A sample that fits into a length with its answer, with as many units of text as fit. A unit is a word of prose or of
    /// a list, or a sentence.
    ///
    /// The same arguments give the same bytes on every machine. No sample depends on another one.
    ///
    /// - Parameters:
    ///   - length: Tokens of the prompt and of the longest answer.
    ///   - number: The sample's number, from 0.
    ///   - seed: The seed of the random numbers.
    ///   - hay: The prose.
    ///   - form: How the sample becomes tokens.
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when the task doesn't fit into the length.
    public func sample(
        length: Int, number: Int, seed: UInt64, hay: TaskHay, form: TaskForm
    ) throws(EvaluationError) -> (sample: TaskSample, tokens: [Int]) {
        guard (1...1 << 24).contains(length), number >= 0 else {
            throw .invalidSetting(
                "sample \(number) of \(length) tokens; a length is between 1 and \(1 << 24), and a number at least 0")
        }
        let generator = generator(length: length, number: number, seed: seed)
        var best: (sample: TaskSample, tokens: [Int])?
        func fits(_ count: Int) throws(EvaluationError) -> Bool {
            var generator = generator
            let sample = make(unitCount: count, length: length, hay, &generator)
            let tokens = try form.tokens(sample)
            guard tokens.count + answerTokenLimit <= length else { return false }
            best = (sample, tokens)
            return true
        }
        var fitting = leastUnitCount
        guard try fits(fitting) else { throw noRoom(length) }
        // No unit is without tokens, so there are never more units than tokens.
        var tooMany = min(fitting * 2, length + 1)
        while tooMany <= length, try fits(tooMany) { (fitting, tooMany) = (tooMany, tooMany * 2) }
        while tooMany - fitting > 1 {
            let middle = (fitting + tooMany) / 2
            if try fits(middle) { fitting = middle } else { tooMany = middle }
        }
        guard let best else { throw noRoom(length) }
        return best
    }

    /// Refuses a length that has no room for the shortest form of a sample.
    func checkRoom(
        length: Int, _ number: Int, _ seed: UInt64, _ hay: TaskHay, _ form: TaskForm
    ) throws(EvaluationError) {
        var generator = generator(length: length, number: number, seed: seed)
        let tokens = try form.tokens(make(unitCount: leastUnitCount, length: length, hay, &generator))
        guard tokens.count + answerTokenLimit <= length else { throw noRoom(length) }
    }

    private func noRoom(_ length: Int) -> EvaluationError {
        .invalidSetting("\(length) tokens have no room for the task \(rawValue) and its answer")
    }

    /// The random numbers of one sample.
    private func generator(length: Int, number: Int, seed: UInt64) -> SplitMix64 {
        var generator = SplitMix64(state: seed)
        for part in [UInt64(Self.allCases.firstIndex(of: self) ?? 0), UInt64(length), UInt64(number)] {
            generator = SplitMix64(state: generator.next() ^ part)
        }
        return generator
    }

    /// The fewest units with which the question has one answer.
    private var leastUnitCount: Int {
        switch self {
        case .variableTracking: 5
        case .commonWords: 11
        // From here on the third most frequent word occurs more often than the fourth.
        case .frequentWords: 60
        default: 4
        }
    }

    private func make(
        unitCount: Int, length: Int, _ hay: TaskHay, _ generator: inout SplitMix64
    ) -> TaskSample {
        switch self {
        case .variableTracking: RulerVariables.sample(lineCount: unitCount, &generator)
        case .commonWords: RulerWords.common(wordCount: unitCount, isShort: length < 4096, hay, &generator)
        case .frequentWords:
            RulerWords.frequent(
                wordCount: unitCount, vocabularySize: max(8, (length - answerTokenLimit) / 50), &generator)
        case .singleNeedle1: RulerNeedles(.noise).sample(unitCount: unitCount, hay, &generator)
        case .singleNeedle2: RulerNeedles(.prose).sample(unitCount: unitCount, hay, &generator)
        case .singleNeedle3: RulerNeedles(.prose, value: .uuid).sample(unitCount: unitCount, hay, &generator)
        case .multipleKeys1: RulerNeedles(.prose, keyCount: 4).sample(unitCount: unitCount, hay, &generator)
        case .multipleKeys2: RulerNeedles(.needles).sample(unitCount: unitCount, hay, &generator)
        case .multipleKeys3:
            RulerNeedles(.needles, key: .uuid, value: .uuid).sample(unitCount: unitCount, hay, &generator)
        case .multipleValues: RulerNeedles(.prose, valueCount: 4).sample(unitCount: unitCount, hay, &generator)
        case .multipleQueries:
            RulerNeedles(.prose, keyCount: 4, queryCount: 4).sample(unitCount: unitCount, hay, &generator)
        }
    }
}
