import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm needle`
struct Needle: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Map where in a long text the model finds a sentence again.",
        discussion: """
            Hides a sentence, the needle, in texts of several lengths at several depths, and asks for it at the end of \
            the text. The map shows whether the model's answer contains the right one, and the right one's probability.

              longlm needle --model DIR --lengths 4096,8192,12000 --output rows.jsonl --svg map.svg

            Each row goes to the file as soon as it is finished. Texts are ordered so that those with the same \
            beginning share its prefill. --resume continues a sweep that was interrupted or killed. --shard K/N runs \
            one part of a sweep, for example on another machine. needle merge joins the parts into the file that a \
            single run would have written:

              parallel --joblog sweep.log --resume-failed \\
                longlm needle --model DIR --threads 1 --shard {}/3 \\
                --output part{}.jsonl --resume ::: 1 2 3
              longlm needle merge part?.jsonl --output rows.jsonl
            """,
        subcommands: [NeedleRun.self, NeedleMerge.self], defaultSubcommand: NeedleRun.self)
}

/// `longlm needle run`, or `longlm needle` alone.
struct NeedleRun: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run a sweep (the default).")

    @OptionGroup var evaluation: EvaluationArguments

    @Option(
        help: ArgumentHelp(
            "The text to hide it in; by default, Alice's Adventures in Wonderland. It is repeated if it is too short.",
            valueName: "file"))
    var haystack: String?

    @Option(help: ArgumentHelp("The sentence to hide; by default a pass key.", valueName: "text"))
    var needle: String?

    @Option(help: ArgumentHelp("The question at the end of the text; needs --needle and --answer.", valueName: "text"))
    var question: String?

    @Option(help: ArgumentHelp("What a right answer contains.", valueName: "text"))
    var answer: String?

    @Option(
        help: ArgumentHelp("The most tokens of an answer; by default 4 more than the right one has.", valueName: "n"))
    var maxTokens: Int?

    @Option(
        help: ArgumentHelp("The lengths of the texts with their answers, in tokens.", valueName: "list"),
        transform: CommaSeparated.init(listed:))
    var lengths = CommaSeparated([1024, 2048, 4096])

    @Option(
        help: ArgumentHelp("The needle's depths, in per cent of the text.", valueName: "list"),
        transform: CommaSeparated.init(listed:))
    var depths = CommaSeparated<Double>([0, 25, 50, 75, 100])

    @Option(help: ArgumentHelp("Add rows to this file of JSON lines.", valueName: "file"))
    var output: String?

    @Flag(help: "Continue the sweep whose rows are in --output.")
    var resume = false

    @Option(help: ArgumentHelp("Run only part K of N.", valueName: "k/n"))
    var shard: String?

    @Flag(
        help: "Process every text from its beginning. It takes longer, and the rows are the same, bit for bit.")
    var noPrefixReuse = false

    @OptionGroup var charts: SweepChartArguments

    @Flag(help: "Print the rows as JSON lines, the header first, instead of the map.")
    var json = false

    func validate() throws {
        try checkLengths(lengths.values)
        for depth in depths.values where !(0...100).contains(depth) {
            throw ValidationError("a depth is \(depth); it must be between 0 and 100 per cent")
        }
        if (needle == nil) != (question == nil) || (needle == nil) != (answer == nil) {
            throw ValidationError("--needle, --question and --answer go together")
        }
        if resume, output == nil { throw ValidationError("--resume needs --output") }
        if let shard, Shard(shard) == nil {
            throw ValidationError("--shard is \(shard); it must be K/N with K between 1 and N, such as 2/3")
        }
        if let maxTokens, !(1...10_000).contains(maxTokens) {
            throw ValidationError("--max-tokens is \(maxTokens); it must be between 1 and 10000")
        }
    }

    func run() throws {
        try Interruption.cancelling { try sweep() }
    }

    private func sweep() throws {
        // Wrong input is refused before the weights are loaded.
        try evaluation.check(lengths: lengths.values)
        try checkOutput(output)
        try charts.check()
        let path = haystack ?? fixture("haystack/alice.txt")
        let text = try readText(path)
        let tokenizer = try evaluation.tokenizer()
        let key = "71938"
        let task = try NeedleTask(
            haystack: text, haystackName: path, needle: needle ?? NeedleTask.standardNeedle(key: key),
            question: question ?? NeedleTask.standardQuestion, answer: answer ?? key, answerTokenLimit: maxTokens,
            tokenizer: tokenizer)
        for length in lengths.values { try task.checkRoom(length: length) }
        let model = try loadModel(evaluation.model.directory, evaluation.precision, evaluation.threads)
        let grid = NeedleSweep.Grid(
            lengths: lengths.values, depths: depths.values, settings: evaluation.settings.values)
        let part = shard.flatMap { Shard($0) }
        let sweep = try NeedleSweep(
            task, grid, shard: part, model: model, options: evaluation.sessionOptions)
        let header = try NeedleHeader(
            task, grid, shard: part, model: model, modelName: evaluation.model.name,
            haystackName: URL(fileURLWithPath: path).lastPathComponent, options: evaluation.sessionOptions)
        let file = try output.map {
            try NeedleFile(path: $0, header: header, sweep: sweep, resumes: resume)
        }
        var log = NeedleLog(header: header, rows: file?.rows ?? [])
        if json { try Terminal.write(log.jsonLines()) }
        if !log.rows.isEmpty {
            Terminal.writeError("continuing after \(log.rows.count) of \(sweep.cellCount) rows")
        }

        let display = SweepDisplay(cellCount: sweep.cellCount)
        defer { display.finish() }
        display.update(log)
        try sweep.run(
            skipping: Set(log.rows.map(\.key)), reusesPrefixes: !noPrefixReuse, progress: { display.update($0) }
        ) { row throws(EvaluationError) in
            try file?.add(row)
            log.rows.append(row)
            display.update(log)
            if json { try? Terminal.write(row.jsonLine()) }
        }
        display.finish()
        if !json { try Terminal.draw(log.terminalMaps(usesColor: Terminal.outputIsTerminal)) }
        try charts.write(log.header.settings, svg: log.svg, html: log.html)
    }
}

/// `longlm needle merge`
struct NeedleMerge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Join the files of a sweep's parts, and draw them.",
        discussion: """
            The parts must belong to one sweep: the same model, text, needle and grid. The result has the same bytes as \
            the file of a single run. Give a single complete file to draw its map again.
            """)

    @Argument(help: ArgumentHelp("The files of the parts.", valueName: "file"))
    var files: [String]

    @Option(help: ArgumentHelp("Write the rows to this file instead of printing a map.", valueName: "file"))
    var output: String?

    @Flag(help: "Accept that rows are missing.")
    var partial = false

    @OptionGroup var charts: SweepChartArguments

    @Flag(help: "Print the rows as JSON lines, the header first, instead of the map.")
    var json = false

    func run() throws {
        try checkOutput(output)
        try charts.check()
        let log = try completeLog(NeedleLog.merge(files), partial: partial)
        if let output { try writeFile(Data(log.jsonLines().utf8), to: output) }
        if json {
            try Terminal.write(log.jsonLines())
        } else if output == nil {
            try Terminal.draw(log.terminalMaps(usesColor: Terminal.outputIsTerminal))
        }
        try charts.write(log.header.settings, svg: log.svg, html: log.html)
    }
}
