import LongLM

/// RULER's needles: sentences that give a word or UUID one or more values, hidden in a text.
struct RulerNeedles {
    /// What surrounds the needles.
    enum Haystack {
        /// Five sentences that repeat, a line each.
        case noise
        /// Prose, with needles between its sentences.
        case prose
        /// Sentences of the needle's form about other keys, a line each.
        case needles
    }

    /// What a key or value is.
    enum Kind {
        case word, number, uuid

        var plural: String {
            switch self {
            case .word: "words"
            case .number: "numbers"
            case .uuid: "uuids"
            }
        }

        func draw(_ generator: inout SplitMix64) -> String {
            switch self {
            case .word: generator.element(of: TaskWords.adjectives) + "-" + generator.element(of: TaskWords.nouns)
            case .number: String(1_000_000 + generator.number(below: 9_000_000))
            case .uuid: Self.uuid(&generator)
            }
        }

        /// A random UUID: version 4 of RFC 9562.
        private static func uuid(_ generator: inout SplitMix64) -> String {
            let digits = Array("0123456789abcdef")
            return String(
                "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".map { place in
                    switch place {
                    case "x": digits[generator.number(below: 16)]
                    case "y": digits[8 + generator.number(below: 4)]
                    default: place
                    }
                })
        }
    }

    private let haystack: Haystack
    private let key: Kind
    private let value: Kind
    private let keyCount: Int
    private let valueCount: Int
    private let queryCount: Int

    init(
        _ haystack: Haystack, key: Kind = .word, value: Kind = .number, keyCount: Int = 1, valueCount: Int = 1,
        queryCount: Int = 1
    ) {
        self.haystack = haystack
        self.key = key
        self.value = value
        self.keyCount = keyCount
        self.valueCount = valueCount
        self.queryCount = queryCount
    }

    /// - Parameter unitCount: Words of prose, or lines; at least as many as there are needles.
    func sample(unitCount: Int, _ hay: TaskHay, _ generator: inout SplitMix64) -> TaskSample {
        let keys = generator.distinct(keyCount, draw: key.draw)
        let all = generator.distinct(keyCount * valueCount, besides: Set(keys), draw: value.draw)
        let values = keys.indices.map { Array(all[($0 * valueCount)..<(($0 + 1) * valueCount)]) }
        let needles = generator.shuffled(
            keys.indices.flatMap { index in values[index].map { sentence(keys[index], $0) } })
        let queries = generator.distinctNumbers(queryCount, below: keyCount)
        let context: String
        switch haystack {
        case .prose: context = prose(wordCount: unitCount, hay, needles, &generator)
        case .noise:
            context = lines([String](repeating: TaskWords.noise, count: unitCount), needles, &generator)
        case .needles:
            let taken = Set(keys)
            let others = (0..<unitCount).map { _ in
                sentence(generator.distinct(1, besides: taken, draw: key.draw)[0], value.draw(&generator))
            }
            context = lines(others, needles, &generator)
        }
        return question(
            context, queries.map { keys[$0] }, references: queries.flatMap { values[$0] })
    }

    private func sentence(_ key: String, _ value: String) -> String {
        "One of the special magic \(self.value.plural) for \(key) is: \(value)."
    }

    private func lines(_ lines: [String], _ needles: [String], _ generator: inout SplitMix64) -> String {
        var lines = lines
        // From the end, so that no insertion moves the place of another.
        let places = generator.distinctNumbers(needles.count, below: lines.count).sorted(by: >)
        for (place, needle) in zip(places, needles) { lines.insert(needle, at: place) }
        return lines.joined(separator: "\n")
    }

    private func prose(
        wordCount: Int, _ hay: TaskHay, _ needles: [String], _ generator: inout SplitMix64
    ) -> String {
        var sentences = hay.sentences(wordCount: wordCount)
        // RULER's forty depths from 0 to 100 %.
        let depths = generator.distinctNumbers(needles.count, below: 40).sorted(by: >)
        let places = depths.map { sentences.count * (($0 * 100 + 19) / 39) / 100 }
        for (place, needle) in zip(places, needles) { sentences.insert(needle, at: place) }
        return sentences.joined(separator: " ")
    }

    private func question(_ context: String, _ queries: [String], references: [String]) -> TaskSample {
        let isOne = queryCount * valueCount == 1
        let things = isOne ? String(value.plural.dropLast()) : value.plural
        let query =
            queries.count > 1
            ? queries.dropLast().joined(separator: ", ") + ", and " + queries[queries.count - 1] : queries[0]
        return TaskSample(
            prompt: (isOne ? "A special magic \(things) is" : "Some special magic \(things) are")
                + " hidden within the following text. Make sure to memorize it. I will quiz you about the \(things) "
                + "afterwards.\n\(context)\n" + (isOne ? "What is the" : "What are all the")
                + " special magic \(things) for \(query) mentioned in the provided text?",
            answerPrefix: " The special magic \(things) for \(query) mentioned in the provided text "
                + (isOne ? "is" : "are"),
            references: references)
    }
}
