import ArgumentParser
import LongLM
import LongLMEvaluation

/// Options for prompts from a file of samples.
struct DataSetArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Ask the samples of this file instead of generated tasks: JSON lines in the form of LongBench (input, context, "
                + "answers) or L-Eval (input, instructions, outputs).", valueName: "file"))
    var input: String?

    @Option(
        help: ArgumentHelp(
            "The prompt, with {context} and {input} for the sample's text and question; or a .json file with a template for "
                + "each data set, such as LongBench's dataset2prompt.json. By default the text, the question and "
                + "\"Answer:\".", valueName: "file"))
    var template: String?

    @Option(
        help: ArgumentHelp(
            "How answers are scored; the best of a sample's references counts. By default as LongBench scores the data set, "
                + "or as L-Eval's \"evaluation\" says, and by f1 for others; samples that need another metric are left "
                + "out.", valueName: "metric"))
    var metric: TaskMetric?

    @Option(
        help: ArgumentHelp(
            "The most tokens of an answer; by default LongBench's for each of its data sets, 512 for L-Eval, 128 for "
                + "others.", valueName: "n"))
    var maxTokens: Int?

    @Option(
        help: ArgumentHelp(
            "The most tokens of a prompt and its longest answer. A longer one is refused, unless --truncate says otherwise.",
            valueName: "n"))
    var maxLength: Int?

    /// What `--truncate` takes.
    enum Truncation: String, CaseIterable, ExpressibleByArgument { case none, middle }

    @Option(
        help: ArgumentHelp(
            "What becomes of a prompt beyond --max-length: none refuses it, middle keeps its first and last half, as "
                + "LongBench does. (default: none)", valueName: "where"))
    var truncate: Truncation?

    func validate() throws {
        for (name, value) in [("--max-tokens", maxTokens), ("--max-length", maxLength)] {
            if let value, !(1...(1 << 24)).contains(value) {
                throw ValidationError("\(name) is \(value); it must be between 1 and \(1 << 24)")
            }
        }
        if truncate == .middle, maxLength == nil { throw ValidationError("--truncate middle needs --max-length") }
        if input == nil, let statedOption { throw ValidationError("\(statedOption) needs --input") }
    }

    /// The first of the options for samples that is given; nil: none is.
    private var statedOption: String? {
        if template != nil { return "--template" }
        if metric != nil { return "--metric" }
        if maxTokens != nil { return "--max-tokens" }
        if maxLength != nil { return "--max-length" }
        return truncate == nil ? nil : "--truncate"
    }

    /// The prompts of a file.
    ///
    /// - Parameter count: The first so many samples of each data set; nil: all of them.
    func grid(_ file: String, count: Int?, shard: Shard?, form: TaskForm) throws -> DataSetGrid {
        let options = DataSetOptions(
            metric: metric, answerTokenLimit: maxTokens, count: count,
            template: try template.map { try DataSetTemplate(contentsOfFile: $0) } ?? .standard,
            maximumLength: maxLength, truncatesMiddle: truncate == .middle)
        return try DataSetGrid(DataSet(contentsOfFile: file), options: options, shard: shard, form: form)
    }
}

extension TaskMetric: ExpressibleByArgument {}
