import LongLM

/// RULER's tasks about how often words occur.
enum RulerWords {
    private static let commonCount = 10

    /// A numbered list in which ten words are common. An example with its answer comes first.
    ///
    /// - Parameters:
    ///   - wordCount: Distinct words; more than ten.
    ///   - isShort: Whether words are repeated less often, as RULER does below 4,096 tokens.
    static func common(
        wordCount: Int, isShort: Bool, _ hay: TaskHay, _ generator: inout SplitMix64
    ) -> TaskSample {
        let example =
            isShort
            ? list(wordCount: 20, commonRepeats: 3, otherRepeats: 1, hay, &generator)
            : list(wordCount: 40, commonRepeats: 10, otherRepeats: 3, hay, &generator)
        let list =
            isShort
            ? list(wordCount: wordCount, commonRepeats: 6, otherRepeats: 1, hay, &generator)
            : list(wordCount: wordCount, commonRepeats: 30, otherRepeats: 3, hay, &generator)
        let solved = example.prompt + example.answerPrefix + " " + numbered(example.references)
        return TaskSample(
            prompt: solved + "\n" + list.prompt, answerPrefix: list.answerPrefix, references: list.references)
    }

    private static func list(
        wordCount: Int, commonRepeats: Int, otherRepeats: Int, _ hay: TaskHay, _ generator: inout SplitMix64
    ) -> TaskSample {
        let words = words(wordCount, hay, &generator)
        let common = Array(words.prefix(commonCount))
        let all =
            common.flatMap { [String](repeating: $0, count: commonRepeats) }
            + words.dropFirst(commonCount).flatMap { [String](repeating: $0, count: otherRepeats) }
        return TaskSample(
            prompt: "Below is a numbered list of words. In these words, some appear more often than others. Memorize "
                + "the ones that appear most often.\n" + numbered(generator.shuffled(all))
                + "\nQuestion: What are the 10 most common words in the above list?",
            answerPrefix: " Answer: The top 10 words that appear most often in the list are:", references: common)
    }

    private static func numbered(_ words: [String]) -> String {
        words.enumerated().map { "\($0 + 1). \($1)" }.joined(separator: " ")
    }

    /// Distinct words of the prose, and made-up ones when it has too few. A longer list begins with the same words.
    private static func words(_ count: Int, _ hay: TaskHay, _ generator: inout SplitMix64) -> [String] {
        let words = Array(generator.shuffled(hay.vocabulary).prefix(count))
        let made = generator.distinct(count - words.count, besides: Set(words)) { generator in
            (0..<4).map { _ in generator.letters(1, of: "bdfgklmnprstvz") + generator.letters(1, of: "aeiou") }
                .joined()
        }
        return words + made
    }

    /// A text of coded words: the word of rank k has a share of 1/k² · 6/π². The first is dots, and the next three are asked
    /// for.
    ///
    /// - Parameters:
    ///   - wordCount: Words, if shares weren't rounded down.
    ///   - vocabularySize: Distinct words; at least 4.
    static func frequent(
        wordCount: Int, vocabularySize: Int, _ generator: inout SplitMix64
    ) -> TaskSample {
        let words =
            ["..."]
            + generator.distinct(vocabularySize - 1) { $0.letters(6, of: "abcdefghijklmnopqrstuvwxyz") }
        let share = 6 / (Double.pi * Double.pi)
        let all = words.enumerated().flatMap { index, word in
            let count = Double(wordCount) * share / Double((index + 1) * (index + 1))
            return [String](repeating: word, count: Int(count))
        }
        return TaskSample(
            prompt: "Read the following coded text and track the frequency of each coded word. Find the three most "
                + "frequently appeared coded words. " + generator.shuffled(all).joined(separator: " ")
                + "\nQuestion: Do not provide any explanation. Please ignore the dots '....'. What are the three most "
                + "frequently appeared words in the above coded text?",
            answerPrefix: " Answer: According to the coded text above, the three most frequently appeared words are:",
            references: Array(words[1...3]))
    }
}
