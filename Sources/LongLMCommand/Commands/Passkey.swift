import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm passkey`
struct Passkey: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hide pass keys in long texts, and count how many the model finds.",
        discussion: """
            Reads prompts from a file of JSON lines in the form of LongLM's example, {"input": …, "target": …}, or \
            generates prompts that hide a key in filler, for each length and depth. All settings get the \
            same prompts. A key is found when the most probable continuation contains it.

              longlm passkey --model DIR --lengths 4096,10000 --depths 10,50,90
              longlm passkey --model DIR passkey_examples.jsonl --settings plain,4:1024
            """)

    @Argument(help: ArgumentHelp("A file of prompts as JSON lines; by default, they are generated.", valueName: "file"))
    var file: String?

    @OptionGroup var evaluation: EvaluationArguments

    @Option(
        help: ArgumentHelp(
            "The lengths of the prompts with their answers, in tokens (default: 1024,2048,4096).", valueName: "list"),
        transform: CommaSeparated.init(listed:))
    var lengths: CommaSeparated<Int>?

    @Option(
        help: ArgumentHelp("The keys' depths, in per cent of the text (default: 0,25,50,75,100).", valueName: "list"),
        transform: CommaSeparated.init(listed:))
    var depths: CommaSeparated<Double>?

    @Option(help: ArgumentHelp("The number of digits of a key (default: 5).", valueName: "n"))
    var digits: Int?

    @Option(help: ArgumentHelp("The number of keys for each length and depth (default: 1).", valueName: "n"))
    var count: Int?

    @Option(help: ArgumentHelp("The seed of the random numbers (default: 0).", valueName: "n"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "A JSON file with the prompts' words: introduction, filler (a list), key (with {key}), question.",
            valueName: "file")
    )
    var template: String?

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func validate() throws {
        try checkLengths(lengths?.values ?? [])
        for depth in depths?.values ?? [] where !(0...100).contains(depth) {
            throw ValidationError("a depth is \(depth); it must be between 0 and 100 per cent")
        }
        if let digits, !(1...100).contains(digits) {
            throw ValidationError("--digits is \(digits); it must be between 1 and 100")
        }
        if let count, !(1...100_000).contains(count) {
            throw ValidationError("--count is \(count); it must be between 1 and 100000")
        }
        let makesPrompts =
            lengths != nil || depths != nil || digits != nil || count != nil || seed != nil || template != nil
        if file != nil, makesPrompts {
            throw ValidationError(
                "--lengths, --depths, --digits, --count, --seed and --template make prompts; a file has its own")
        }
    }

    func run() throws {
        try Interruption.cancelling { try measure() }
    }

    private func measure() throws {
        let lengths = lengths?.values ?? [1024, 2048, 4096]
        // Wrong input is refused before the weights are loaded.
        if file == nil { try evaluation.check(lengths: lengths) }
        let tokenizer = try evaluation.tokenizer()
        let batches: [PasskeyBatch]
        if let file {
            batches = [PasskeyBatch(prompts: try PasskeyPrompt.read(file), tokenizer)]
            try evaluation.check(lengths: batches.map(\.length))
        } else {
            let grid = PasskeyGrid(
                lengths: lengths, depths: (depths?.values ?? [0, 25, 50, 75, 100]).map { $0 / 100 },
                promptCount: count ?? 1, digitCount: digits ?? 5, seed: seed ?? 0,
                template: try template.map { try PasskeyTemplate(contentsOfFile: $0) } ?? .standard)
            batches = try grid.batches(tokenizer: tokenizer)
        }
        let model = try loadModel(evaluation.model.directory, evaluation.precision, evaluation.threads)
        let bar = ProgressBar("pass keys")
        defer { bar.finish() }
        if !json { try Terminal.write(PasskeyRow.tableHeader) }
        let rows = try PasskeyBatch.run(
            batches, model: model, tokenizer: tokenizer, settings: evaluation.settings.values,
            options: evaluation.sessionOptions, progress: { bar.update($0) }
        ) { row in
            bar.finish()
            if !json { try? Terminal.write(row.line) }
        }
        bar.finish()
        let report = Report(rows: rows, peakMemoryBytes: peakMemoryByteCount())
        if json {
            try Terminal.write(json: report)
        } else {
            try Terminal.write("peak memory \(report.peakMemoryBytes.formattedBytes)\n")
        }
    }
}

/// What `passkey --json` prints.
private struct Report: Encodable {
    let rows: [PasskeyRow]
    let peakMemoryBytes: Int
}

extension PasskeyRow {
    fileprivate static let tableHeader = "  length  setting       G      W  found        mean ln p  tokens/s\n"

    fileprivate var line: String {
        let found = "\(results.count { $0.isFound }) of \(count)"
        return length.grouped.aligned(right: 8) + "  " + setting.aligned(left: 10)
            + (groupSize?.grouped ?? "").aligned(right: 5) + (neighborWindow?.grouped ?? "").aligned(right: 7) + "  "
            + found.aligned(left: 11) + String(format: "%11.3f%10.0f\n", meanLogLikelihood, prefillTokensPerSecond)
    }
}
