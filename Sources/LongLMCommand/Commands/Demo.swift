import ArgumentParser
import Charts
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm demo`
struct Demo: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what Self-Extend does, with a tiny model that comes with the sources.",
        discussion: """
            Fixtures/passkey-tiny is a model of 0.8 million parameters that was trained to find a pass key in texts of up \
            to 256 characters. The demo runs it on texts of up to 4,096 characters, once as it is, and once with \
            Self-Extend and the settings that longlm plan chooses. It takes less than a minute.
            """)

    @Option(
        name: .customLong("model"),
        help: ArgumentHelp("Another directory with this model and its passkey.json.", valueName: "dir"))
    var modelDirectory: String?

    @OptionGroup var threads: ThreadArguments

    @Option(help: ArgumentHelp("The number of keys for each length and each of ten depths.", valueName: "n"))
    var count = 4

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    private static let lengths = [128, 256, 512, 1024, 2048, 4096]
    private static let depths = (0..<10).map { Double($0) / 9 }

    func validate() throws {
        guard (1...100_000).contains(count) else {
            throw ValidationError("--count is \(count); it must be between 1 and 100000")
        }
    }

    func run() throws {
        try Interruption.cancelling { try show() }
    }

    private func show() throws {
        let directory = modelDirectory ?? fixture("passkey-tiny")
        guard FileManager.default.fileExists(atPath: directory) else {
            throw CommandError.invalidInput("\(directory): no such directory; name the tiny model's with --model")
        }
        let model = try LanguageModel(directory: directory, options: LoadOptions(threadCount: threads.threads))
        let tokenizer = try Tokenizer(contentsOfFile: directory + "/tokenizer.json")
        let grid = PasskeyGrid(
            lengths: Self.lengths, depths: Self.depths, promptCount: count,
            template: try PasskeyTemplate(contentsOfFile: directory + "/passkey.json"))
        let context = model.configuration.contextLength
        if !json { try Terminal.write(introduction(context)) }
        let bar = ProgressBar("demo")
        defer { bar.finish() }
        var rows: [PasskeyRow] = []
        var plain: PasskeyRow?
        try grid.run(
            model: model, tokenizer: tokenizer, settings: [.plain, .automatic],
            options: SessionOptions(threadCount: threads.threads), progress: { bar.update($0) }
        ) { row in
            rows.append(row)
            guard row.mode != "plain", let plain else {
                plain = row
                return
            }
            bar.finish()
            if !json { try? Terminal.write(line(plain, row, context)) }
        }
        bar.finish()
        if json {
            try Terminal.write(json: Report(rows: rows.map(Report.Row.init)))
        } else {
            try Terminal.write(conclusion(rows, context))
        }
    }

    private func introduction(_ context: Int) -> String {
        """
        A pass key of five digits is hidden in a text of random words, and the model is asked for it at the end.
        The model was trained on texts of up to \(context) characters. Keys found, \
        \((Self.depths.count * count).grouped) texts for each length:

          length   as it was trained       with Self-Extend

        """
    }

    private func line(_ plain: PasskeyRow, _ extended: PasskeyRow, _ context: Int) -> String {
        func share(_ row: PasskeyRow) -> String {
            TerminalBar.text(fraction: row.accuracy, width: 14)
                + String(format: "%4.0f %%", row.accuracy * 100).aligned(left: 10)
        }
        let settings =
            extended.length <= context
            ? "not needed: within the trained context"
            : "G = \(extended.groupSize?.grouped ?? ""), W = \(extended.neighborWindow?.grouped ?? "")"
        return plain.length.grouped.aligned(right: 8) + "   " + share(plain) + share(extended) + settings + "\n"
    }

    private func conclusion(_ rows: [PasskeyRow], _ context: Int) -> String {
        let seconds = rows.reduce(0) { $0 + $1.seconds }
        return """

            These are the same weights, without any training. With Self-Extend the last W characters keep their
            positions, and before them every G characters share one. So no distance exceeds the \(context) that the model
            knows, and it reaches to (\(context) − W) · G + W characters. The larger G is, the more the places in a text blur.

            Try your own model and text: longlm plan, longlm needle, longlm generate --self-extend auto.
            \(rows.reduce(0) { $0 + $1.count }.grouped) texts in \(String(format: "%.0f", seconds)) s.

            """
    }
}

/// What `demo --json` prints.
private struct Report: Encodable {
    struct Row: Encodable {
        let length: Int
        /// `plain` or `selfExtend`.
        let mode: String
        let groupSize: Int?
        let neighborWindow: Int?
        let accuracy: Double
        let count: Int

        init(_ row: PasskeyRow) {
            length = row.length
            mode = row.mode
            groupSize = row.groupSize
            neighborWindow = row.neighborWindow
            accuracy = row.accuracy
            count = row.count
        }
    }

    let rows: [Row]
}
