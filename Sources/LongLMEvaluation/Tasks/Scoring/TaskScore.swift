/// How answers are scored, from 0 to 1.
public enum TaskMetric: String, CaseIterable, Sendable, Codable {
    /// The share of references that the answer contains, in whichever case: RULER's `string_match_all`.
    case containsAll = "contains-all"
    /// 1 if the answer contains any reference, in whichever case: RULER's `string_match_part`.
    case containsAny = "contains"
    /// F1 of the words that the answer shares with the best reference: LongBench's `qa_f1_score`.
    case f1
    /// ROUGE-L with the best reference (Lin, 2004): F1 of their longest common subsequence of words.
    case rougeL = "rouge-l"
    /// LongBench's `rouge_score` with the best reference: ROUGE-L as the Python package rouge 1.0.1 computes it, over
    /// sentences and distinct words. It differs a lot from ``rougeL``: it ignores how often a word occurs.
    case rougeLLongBench = "rouge-l-longbench"

    /// The score of an answer.
    ///
    /// - Parameter references: The right answers. Without any, the score is 0.
    public func score(_ answer: String, references: [String]) -> Double {
        guard !references.isEmpty else { return 0 }
        switch self {
        case .containsAll:
            return Double(references.count { Self.contains(answer, $0) }) / Double(references.count)
        case .containsAny: return references.contains { Self.contains(answer, $0) } ? 1 : 0
        case .f1:
            let words = Self.normalizedWords(answer)
            return references.map { Self.f1(words, Self.normalizedWords($0)) }.max() ?? 0
        case .rougeL:
            let words = Self.words(answer[...].unicodeScalars)
            return references.map { Self.rougeL(words, Self.words($0[...].unicodeScalars)) }.max() ?? 0
        case .rougeLLongBench:
            let sentences = RougeSentences(answer)
            return references.map { sentences.score(reference: RougeSentences($0)) }.max() ?? 0
        }
    }

    /// Whether a text contains another one, code point by code point, in whichever case.
    private static func contains(_ text: String, _ part: String) -> Bool {
        let part = Array(part.lowercased().utf8)
        return part.isEmpty || Array(text.lowercased().utf8).firstRange(of: part) != nil
    }

    /// The words as bytes: strings of Swift are equal when Unicode calls them equivalent, and Python's are not.
    static func words(_ text: Substring.UnicodeScalarView) -> [[UInt8]] {
        text.split { $0.properties.isWhitespace }.map { Array(Substring($0).utf8) }
    }

    /// The words in lower case, without ASCII's punctuation and without articles, as in SQuAD's and LongBench's
    /// `normalize_answer`.
    private static func normalizedWords(_ text: String) -> [[UInt8]] {
        let punctuation = Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".unicodeScalars)
        let scalars = text.lowercased().unicodeScalars.filter { !punctuation.contains($0) }
        // An article ends where no letter or digit follows, so a quotation mark of another alphabet may touch it.
        var kept = String.UnicodeScalarView()
        var run = String.UnicodeScalarView()
        func endRun() {
            kept.append(
                contentsOf: ["a", "an", "the"].contains { $0.unicodeScalars.elementsEqual(run) }
                    ? " ".unicodeScalars : run)
            run.removeAll()
        }
        for scalar in scalars {
            if isLetterOrDigit(scalar) {
                run.append(scalar)
            } else {
                endRun()
                kept.append(scalar)
            }
        }
        endRun()
        return words(String(kept)[...].unicodeScalars)
    }

    /// Whether Python's regular expressions count it to a word.
    private static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
        default: scalar.properties.numericType != nil
        }
    }

    private static func f1(_ words: [[UInt8]], _ reference: [[UInt8]]) -> Double {
        var left: [[UInt8]: Int] = [:]
        for word in reference { left[word, default: 0] += 1 }
        var common = 0
        for word in words {
            guard let count = left[word], count > 0 else { continue }
            left[word] = count - 1
            common += 1
        }
        return f1(common: common, words.count, reference.count)
    }

    private static func rougeL(_ words: [[UInt8]], _ reference: [[UInt8]]) -> Double {
        // [j]: the longest common subsequence of the words so far and the first j of the reference.
        var row = [Int](repeating: 0, count: reference.count + 1)
        for word in words {
            var diagonal = 0
            for (j, other) in reference.enumerated() {
                let above = row[j + 1]
                row[j + 1] = word == other ? diagonal + 1 : max(above, row[j])
                diagonal = above
            }
        }
        return f1(common: row[reference.count], words.count, reference.count)
    }

    /// F1 of the precision common/count and the recall common/referenceCount.
    private static func f1(common: Int, _ count: Int, _ referenceCount: Int) -> Double {
        common == 0 ? 0 : 2 * Double(common) / Double(count + referenceCount)
    }
}
