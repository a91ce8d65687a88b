/// How the samples of a data set are answered and scored: LongBench's choices for its data sets, and L-Eval's for its samples.
///
/// LongBench's are those of its `eval.py` and `config/dataset2maxlen.json`, and L-Eval's those of its `LEval_config.py` and
/// `auto_eval.py`.
struct DataSetRule: Equatable {
    /// How a sample is scored; nil: none of ``TaskMetric`` scores it, and ``reason`` says why.
    let metric: TaskMetric?
    /// Why a sample is left out, in words that follow its data set's name and a colon.
    let reason: String
    /// The most tokens of an answer.
    let answerTokenLimit: Int
    /// Whether only the first line of an answer counts. The texts of these data sets are examples, and a model goes on with
    /// another one.
    let takesFirstLine: Bool

    /// The rule for a sample.
    ///
    /// - Parameter metric: The metric that is asked for; nil: the data set's own.
    init(for sample: DataSetSample, metric: TaskMetric?) {
        // LongBench-E's data sets end in `_e`.
        let name = sample.dataSet.hasSuffix("_e") ? String(sample.dataSet.dropLast(2)) : sample.dataSet
        let known = sample.evaluation == nil ? Self.longBench[name] : nil
        answerTokenLimit = known?.limit ?? (sample.evaluation == nil ? 128 : 512)
        takesFirstLine = ["trec", "triviaqa", "samsum", "lsht"].contains(name) && known != nil
        var choice: Choice
        switch sample.evaluation {
        case nil: choice = known?.choice ?? (sample.language == "zh" ? Self.chinese : .metric(.f1))
        case "f1": choice = .metric(.f1)
        case "rouge": choice = .metric(.rougeL)
        case "exam": choice = .leftOut("scored by exact match")
        case "llm", "human": choice = .leftOut("scored by people or another model")
        default: choice = .leftOut("with an unknown \"evaluation\"")
        }
        if sample.evaluation == "exam", sample.answers.allSatisfy(Self.isLetterOfChoice) {
            // F1 drops an A as an article, and most answers contain one.
            choice = .leftOut("multiple choice, which needs exact match")
        } else if let metric {
            choice = .metric(metric)
        }
        switch choice {
        case .metric(let metric): (self.metric, reason) = (metric, "")
        case .leftOut(let reason): (self.metric, self.reason) = (nil, reason)
        }
    }

    private enum Choice {
        case metric(TaskMetric)
        case leftOut(String)
    }

    private static let chinese = Choice.leftOut("Chinese, whose words no space divides")
    private static let classes = Choice.leftOut("scored by classes")
    private static let numbers = Choice.leftOut("scored by numbers in the answer")
    private static let code = Choice.leftOut("scored by the edit distance of code")

    private static let longBench: [String: (choice: Choice, limit: Int)] = [
        "narrativeqa": (.metric(.f1), 128), "qasper": (.metric(.f1), 128), "multifieldqa_en": (.metric(.f1), 64),
        "multifieldqa_zh": (chinese, 64), "hotpotqa": (.metric(.f1), 32), "2wikimqa": (.metric(.f1), 32),
        "musique": (.metric(.f1), 32), "dureader": (chinese, 128), "gov_report": (.metric(.rougeLLongBench), 512),
        "qmsum": (.metric(.rougeLLongBench), 512), "multi_news": (.metric(.rougeLLongBench), 512),
        "vcsum": (chinese, 512),
        "trec": (classes, 64), "triviaqa": (.metric(.f1), 32), "samsum": (.metric(.rougeLLongBench), 128),
        "lsht": (classes, 64), "passage_count": (numbers, 32), "passage_retrieval_en": (numbers, 32),
        "passage_retrieval_zh": (numbers, 32), "lcc": (code, 64), "repobench-p": (code, 64),
    ]

    /// Whether an answer is one or several of the letters A to D.
    private static func isLetterOfChoice(_ answer: String) -> Bool {
        let letters = answer.filter { !$0.isWhitespace }
        return (1...4).contains(letters.count) && letters.allSatisfy { "ABCD".contains($0) }
    }
}

extension DataSetSample {
    /// The score of an answer, from 0 to 1.
    ///
    /// Of answers to LongBench's `trec`, `triviaqa`, `samsum` and `lsht`, only the first line counts that isn't empty.
    public func score(_ answer: String, metric: TaskMetric) -> Double {
        guard DataSetRule(for: self, metric: metric).takesFirstLine else {
            return metric.score(answer, references: answers)
        }
        let start = answer.unicodeScalars.drop { $0 == "\n" }
        return metric.score(String(start.prefix { $0 != "\n" }), references: answers)
    }
}
