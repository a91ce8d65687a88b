import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm quantize`
struct Quantize: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a model as a GGUF file with rounded weights.",
        discussion: """
            The file can be loaded by longlm and by llama.cpp. It is written tensor by tensor, so a model of any size needs \
            little memory. Norms and biases stay 32-bit floats.

              q8_0  8 bits in blocks of 32
              q4_0  4 bits in blocks of 32; the embedding and the projection onto the vocabulary take 8, as with --weights \
            int4
              q4_k  4 bits in blocks of 256, with scales that are searched for the least squared error; the embedding and \
            the projection take 6

            A matrix whose rows aren't whole blocks gets the next type that fits: Q5_0 for Q4_K, Q8_0 for Q6_K, F16 for \
            blocks of 32. A model that is quantised already is rounded a second time, from what its weights stand for. \
            Only what is in the type already, and in q4_0 and q4_k a vocabulary that is quantised, stays as it is.

            For each type, the error is the root mean square of the rounding errors by that of the weights. With --text, the \
            model and the file are compared afterwards as by longlm perplexity; both are in memory then.

              longlm quantize DIR --to q4_k --out FILE.gguf --text book.txt
            """)

    @Argument(help: ArgumentHelp("A model's directory, or a GGUF file.", valueName: "path"))
    var model: String

    @Option(name: .customLong("to"), help: "The type of the weights: q8_0, q4_0 or q4_k.")
    var target: Target

    @Option(help: ArgumentHelp("The GGUF file to write.", valueName: "file"))
    var out: String

    @Option(help: ArgumentHelp("Compare how both predict this text.", valueName: "file"))
    var text: String?

    @Option(help: ArgumentHelp("The length of a window of the text in tokens; by default 512.", valueName: "n"))
    var length: Int?

    @Option(help: ArgumentHelp("The most windows; by default, as many as the text fills.", valueName: "n"))
    var windows: Int?

    @OptionGroup var threads: ThreadArguments

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    /// The names of types.
    enum Target: String, CaseIterable, ExpressibleByArgument {
        case q80 = "q8_0"
        case q40 = "q4_0"
        case q4K = "q4_k"

        var value: QuantizationTarget {
            switch self {
            case .q80: .q80
            case .q40: .q40
            case .q4K: .q4K
            }
        }
    }

    func validate() throws {
        guard text != nil || length == nil && windows == nil else {
            throw ValidationError("--length and --windows need --text")
        }
        try checkLengths([length ?? 1])
        if let windows, windows < 1 { throw ValidationError("--windows is \(windows); it must be at least 1") }
    }

    func run() throws {
        try Interruption.cancelling { try quantize() }
    }

    private func quantize() throws {
        try checkOutput(out)
        let contents = try text.map { try readText($0) }
        let quantizer = try ModelQuantizer(path: model, target: target.value)
        if let text, let contents { try check(contents, text) }
        let start = ContinuousClock.now
        let bar = ProgressBar("quantize")
        defer { bar.finish() }
        let outcomes = try quantizer.write(to: out, threadCount: threads.threads) { bar.update($0) }
        bar.finish()
        var report = QuantizationReport(
            model: URL(fileURLWithPath: model).lastPathComponent, file: out, target: target.rawValue,
            outcomes: outcomes, fileBytes: try quantizer.layout(file: out).byteCount,
            seconds: (ContinuousClock.now - start).seconds, peakMemoryBytes: peakMemoryByteCount())
        if let text, let contents { report.comparison = try compare(contents, text) }
        try json ? Terminal.write(json: report) : Terminal.write(report.table)
    }

    /// The length of a window of the text.
    private func windowLength(_ location: ModelLocation) throws -> Int {
        min(length ?? 512, try location.configuration().contextLength)
    }

    /// Refuses a text that fills no window, before the work.
    private func check(_ contents: String, _ name: String) throws {
        let location = try ModelLocation(ofModel: model)
        let (window, count) = (try windowLength(location), try location.tokenizer().encode(contents).count)
        guard count >= window else {
            throw CommandError.invalidInput("\(name): has \(count) tokens, which don't fill a window of \(window)")
        }
    }

    /// Compares how the model and the file predict a text.
    private func compare(_ contents: String, _ name: String) throws -> QuantizationReport.Comparison {
        let (location, options) = (try ModelLocation(ofModel: model), LoadOptions(threadCount: threads.threads))
        let window = try windowLength(location)
        let reference = try loadModel(model, options)
        let comparison = try ModelComparison(
            of: contents, textName: name,
            Perplexity.Options(
                windowLength: window, windowLimit: windows, bucketLength: window, settings: [.plain]),
            model: try loadModel(out, options), reference: reference, tokenizer: try location.tokenizer(),
            sessionOptions: SessionOptions(threadCount: threads.threads))
        let bar = ProgressBar("compare")
        defer { bar.finish() }
        let rows = try comparison.run(progress: { bar.update($0) })
        bar.finish()
        guard let row = rows.first else { throw CommandError.invalidInput("\(name): nothing was compared") }
        return QuantizationReport.Comparison(row, file: URL(fileURLWithPath: name).lastPathComponent, length: window)
    }
}
