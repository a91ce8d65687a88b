/// A question about a text, with its right answers, from a file of others.
public struct DataSetSample: Sendable, Equatable {
    /// The data set's name.
    public let dataSet: String
    /// The line of the file that it is from, from 1. L-Eval has several questions in a line.
    public let line: Int
    /// The text; may be empty.
    public let context: String
    /// The question or instruction; may be empty.
    public let question: String
    /// The right answers, at least one, none of them empty.
    public let answers: [String]
    /// The words of all these, as LongBench's `length` says, or else counted.
    public let wordCount: Int
    /// The language, as LongBench's `language` says, such as `zh`.
    let language: String?
    /// How L-Eval scores the sample, in lower case, such as `rouge`; nil for LongBench.
    let evaluation: String?
}

extension DataSetSample {
    /// The words of texts: what stands between white space.
    static func wordCount(_ texts: [String]) -> Int {
        var count = 0
        for text in texts {
            var isInWord = false
            for scalar in text.unicodeScalars {
                let isSpace = scalar.properties.isWhitespace
                if !isSpace, !isInWord { count += 1 }
                isInWord = !isSpace
            }
        }
        return count
    }
}
