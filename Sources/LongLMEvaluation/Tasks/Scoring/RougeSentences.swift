/// A text as the Python package rouge 1.0.1 divides it for ROUGE-L: sentences end at full stops, and words at spaces.
///
/// LongBench's scores of summaries are made with this package. It takes the words of each sentence of the reference that
/// are in its longest common subsequence with a sentence of the answer, and counts each word once. The package fails on
/// sentences of about a thousand words, which LongBench counts as 0; here only pairs of far longer ones count as different.
struct RougeSentences {
    /// More pairs of words than two sentences of 4,096 words have aren't compared.
    private static let maximumPairCount = 1 << 24

    private let sentences: [[[UInt8]]]
    private let words: Set<[UInt8]>

    init(_ text: String) {
        sentences = text[...].unicodeScalars.split(separator: ".").map { part in
            let words = TaskMetric.words(part)
            // In the package, a sentence of white space has one word, which is empty.
            return words.isEmpty ? [[]] : words
        }
        words = Set(sentences.joined())
    }

    /// The score of this text as an answer.
    func score(reference: RougeSentences) -> Double {
        guard !sentences.isEmpty, !reference.sentences.isEmpty else { return 0 }
        var common: Set<[UInt8]> = []
        for expected in reference.sentences {
            for sentence in sentences { common.formUnion(Self.commonWords(expected, sentence)) }
        }
        let precision = Double(common.count) / Double(words.count)
        let recall = Double(common.count) / Double(reference.words.count)
        // The package avoids a division by zero like this.
        return 2 * (precision * recall / (precision + recall + 1e-8))
    }

    /// The words of a longest common subsequence; of several, the one that the package finds.
    private static func commonWords(
        _ left: [[UInt8]], _ right: [[UInt8]]
    ) -> [[UInt8]] {
        guard left.count * right.count <= maximumPairCount else { return [] }
        let width = right.count + 1
        // [i, j]: the length for the first i and j words.
        var lengths = [Int32](repeating: 0, count: (left.count + 1) * width)
        for (i, word) in left.enumerated() {
            for (j, other) in right.enumerated() {
                lengths[(i + 1) * width + j + 1] =
                    word == other
                    ? lengths[i * width + j] + 1 : max(lengths[i * width + j + 1], lengths[(i + 1) * width + j])
            }
        }
        var words: [[UInt8]] = []
        var (i, j) = (left.count, right.count)
        while i > 0, j > 0 {
            if left[i - 1] == right[j - 1] {
                words.append(left[i - 1])
                (i, j) = (i - 1, j - 1)
            } else if lengths[(i - 1) * width + j] > lengths[i * width + j - 1] {
                i -= 1
            } else {
                j -= 1
            }
        }
        return words
    }
}
