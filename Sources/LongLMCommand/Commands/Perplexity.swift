import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm perplexity`
struct PerplexityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "perplexity",
        abstract: "Measure how well the model predicts a text, on the whole and by position.",
        discussion: """
            The text is cut into windows, each read on its own. The loss is the mean of −ln p over their tokens, and \
            the perplexity is its exponential. Where the loss rises with the position, the model has left the context \
            that it was trained for.

              longlm perplexity --model DIR book.txt --length 16384 --svg loss.svg

            With a reference, it shows what rounded weights or a faster arithmetic cost: the mean of KL(reference ‖ \
            model) in nats a token, how often the most probable token is another, and both perplexities. Both models \
            are in memory at once.

              longlm perplexity --model FILE.gguf --reference-model DIR --length 2048
              longlm perplexity --model DIR --weights int4 --reference-weights float32 --length 2048
            """)

    @Argument(help: ArgumentHelp("A text; by default Alice's Adventures in Wonderland.", valueName: "file"))
    var file: String?

    @OptionGroup var evaluation: EvaluationArguments
    @OptionGroup var reference: ReferenceArguments

    @Option(help: ArgumentHelp("The length of a window in tokens.", valueName: "n"))
    var length: Int

    @Option(help: ArgumentHelp("The most windows; by default, as many as the text fills.", valueName: "n"))
    var windows: Int?

    @Option(help: ArgumentHelp("The number of positions over which losses are averaged.", valueName: "n"))
    var bucket = 512

    @Option(help: ArgumentHelp("Draw the loss by position, to this SVG file.", valueName: "file"))
    var svg: String?

    @Flag(help: "Print one JSON object instead of the tables.")
    var json = false

    func validate() throws {
        try checkLengths([length])
        if let windows, windows < 1 { throw ValidationError("--windows is \(windows); it must be at least 1") }
        if svg != nil, reference.isStated { throw ValidationError("--svg doesn't go with a reference") }
        if bucket < 1 { throw ValidationError("--bucket is \(bucket); it must be at least 1") }
    }

    func run() throws {
        try Interruption.cancelling { try measure() }
    }

    private func measure() throws {
        let path = file ?? fixture("haystack/alice.txt")
        try evaluation.check(lengths: [length])
        try checkOutput(svg)
        let text = try readText(path)
        let tokenizer = try evaluation.tokenizer()
        let options = Perplexity.Options(
            windowLength: length, windowLimit: windows, bucketLength: bucket, settings: evaluation.settings.values)
        if reference.isStated { return try compare(text, path, options, tokenizer) }
        let model = try loadModel(evaluation.model.directory, evaluation.precision, evaluation.threads)
        let perplexity = try Perplexity(
            of: text, textName: path, options, model: model, tokenizer: tokenizer,
            sessionOptions: evaluation.sessionOptions)
        let bar = ProgressBar("perplexity")
        defer { bar.finish() }
        let rows = try perplexity.run(progress: { bar.update($0) })
        bar.finish()
        let name = URL(fileURLWithPath: path).lastPathComponent
        let report = Report(
            model: evaluation.model.name, file: name, contextLength: model.configuration.contextLength, length: length,
            rows: rows, peakMemoryBytes: peakMemoryByteCount())
        try json ? Terminal.write(json: report) : Terminal.write(report.text)
        let chart = LossChart(
            rows: rows, modelName: report.model, textName: name, contextLength: report.contextLength)
        if let svg { try writeFile(Data(chart.svg().utf8), to: svg) }
    }

    /// Measures how far the model is from the reference.
    private func compare(
        _ text: String, _ path: String, _ options: Perplexity.Options, _ tokenizer: Tokenizer
    ) throws {
        let referenceModel = reference.directory ?? evaluation.model.directory
        let size = try evaluation.model.location.configuration().vocabularySize
        let referenceSize = try ModelLocation(ofModel: referenceModel).configuration().vocabularySize
        // Before both are loaded.
        guard size == referenceSize else { throw EvaluationError.differentVocabularies(size, reference: referenceSize) }
        let model = try loadModel(evaluation.model.directory, evaluation.precision, evaluation.threads)
        let other = try loadModel(referenceModel, reference.loadOptions(evaluation.threads))
        let comparison = try ModelComparison(
            of: text, textName: path, options, model: model, reference: other, tokenizer: tokenizer,
            sessionOptions: evaluation.sessionOptions,
            referenceOptions: SessionOptions(
                threadCount: evaluation.threads.threads, cacheFormat: reference.cache))
        let bar = ProgressBar("compare")
        defer { bar.finish() }
        let rows = try comparison.run(progress: { bar.update($0) })
        bar.finish()
        let report = ComparisonReport(
            model: evaluation.model.name, reference: URL(fileURLWithPath: referenceModel).lastPathComponent,
            file: URL(fileURLWithPath: path).lastPathComponent, contextLength: model.configuration.contextLength,
            length: length, rows: rows, peakMemoryBytes: peakMemoryByteCount())
        try json ? Terminal.write(json: report) : Terminal.write(report.text)
    }
}

/// What `perplexity --json` prints.
private struct Report: Encodable {
    let model: String
    let file: String
    let contextLength: Int
    let length: Int
    let rows: [PerplexityRow]
    let peakMemoryBytes: Int

    var text: String {
        var text = "position".aligned(right: 17)
        for row in rows { text += row.setting.aligned(right: 12) }
        text += "   (loss: the mean of −ln p)\n"
        for index in rows.first?.buckets.indices ?? 0..<0 {
            let bucket = rows[0].buckets[index]
            text += "\(bucket.first.grouped)–\(bucket.last.grouped)".aligned(right: 17)
            for row in rows { text += String(format: "%12.4f", row.buckets[index].loss) }
            text += bucket.first >= contextLength ? "   past the trained context\n" : "\n"
        }
        text += "all".aligned(right: 17)
        for row in rows { text += String(format: "%12.4f", row.loss) }
        text += "\n" + "perplexity".aligned(right: 17)
        for row in rows { text += String(format: "%12.3f", row.perplexity) }
        let windows = rows.first?.windowCount ?? 0
        return text + "\n\(windows.grouped) window\(windows == 1 ? "" : "s") of \(length.grouped) tokens, peak memory "
            + "\(peakMemoryBytes.formattedBytes)\n"
    }
}
