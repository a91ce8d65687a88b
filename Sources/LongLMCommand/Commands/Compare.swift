import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm compare`
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare methods for long texts with one model, in one report.",
        discussion: """
            Scores the model's answers in RULER's tasks, as longlm tasks does, and measures the losses of a text by \
            position, as longlm perplexity does, with several methods. All methods get the same prompts. The report is \
            an HTML file that needs no other and no network: scores by task, length and method with their intervals, \
            a map for each method, losses by position in one chart, times, all settings, and how to repeat it.

              longlm compare --model DIR --methods plain,self-extend,string,dca,yarn \\
                --task niah_single_2,vt,fwe --lengths 4096,8192 --output comparison

            The directory gets tasks.jsonl, losses.jsonl, runs.jsonl and report.html. Each row is written as soon as it is \
            finished, and --resume continues after an interruption. --shard K/N runs one part, for example on another \
            machine. compare report makes the report from rows alone, without a model. It takes those of longlm tasks \
            too:

              parallel --joblog sweep.log --resume-failed \\
                longlm compare --model DIR --threads 1 --shard {}/3 \\
                --output part{} --resume ::: 1 2 3
              longlm compare report part? --html report.html
            """,
        subcommands: [CompareRun.self, CompareReport.self], defaultSubcommand: CompareRun.self)
}

/// `longlm compare run`, or `longlm compare` alone.
struct CompareRun: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run a comparison (the default).")

    @OptionGroup var evaluation: EvaluationArguments

    @OptionGroup var ruler: RulerArguments

    @Option(help: ArgumentHelp("The number of prompts for each task and length.", valueName: "n"))
    var count = 20

    @Flag var form = PromptForm.base

    @OptionGroup var chatFormat: ChatFormatArguments

    @Option(
        help: ArgumentHelp(
            "The text whose losses are measured; by default, Alice's Adventures in Wonderland.", valueName: "file"))
    var text: String?

    @Option(
        help: ArgumentHelp(
            "The length of the text's windows in tokens; by default, the longest of --lengths.", valueName: "n"))
    var window: Int?

    @Option(help: ArgumentHelp("The most windows of the text; 0 leaves it out.", valueName: "n"))
    var windows = 4

    @Option(help: ArgumentHelp("The number of positions over which losses are averaged.", valueName: "n"))
    var bucket = 512

    @Option(help: ArgumentHelp("The directory for the rows and the report. It is made.", valueName: "dir"))
    var output: String

    @Flag(help: "Continue the comparison whose rows are in --output.")
    var resume = false

    @Option(help: ArgumentHelp("Run only part K of N of the prompts and of the text's windows.", valueName: "k/n"))
    var shard: String?

    @Flag(help: "Print the figures as one JSON object instead of the tables.")
    var json = false

    func validate() throws {
        if let window { try checkLengths([window]) }
        if !(1...100_000).contains(count) {
            throw ValidationError("--count is \(count); it must be between 1 and 100000")
        }
        if !(0...100_000).contains(windows) {
            throw ValidationError("--windows is \(windows); it must be between 0 and 100000")
        }
        if windows == 0, text != nil || window != nil {
            throw ValidationError("--windows 0 leaves the text out; --text and --window need it")
        }
        if bucket < 1 { throw ValidationError("--bucket is \(bucket); it must be at least 1") }
        if let shard, Shard(shard) == nil {
            throw ValidationError("--shard is \(shard); it must be K/N with K between 1 and N, such as 2/3")
        }
        if form == .base, chatFormat.chatFormat != nil { throw ValidationError("--chat-format needs --chat") }
    }

    func run() throws {
        try Interruption.cancelling { try compare() }
    }

    private func compare() throws {
        // Wrong input is refused before the weights are loaded.
        let lengths = ruler.promptLengths
        let windowLength = window ?? lengths.max() ?? 0
        try evaluation.check(lengths: lengths + (windows > 0 ? [windowLength] : []))
        let files = ComparisonFiles(directory: output)
        let location = try evaluation.model.location
        let tokenizer = try evaluation.tokenizer()
        let form = TaskForm(
            tokenizer: tokenizer, chatFormat: form == .chat ? try chatFormat.format(of: location) : nil)
        let (grid, haystackName) = try ruler.grid(count: count, form: form)
        let part = shard.flatMap { Shard($0) }
        let textPath = text ?? fixture("haystack/alice.txt")
        let textContents = windows > 0 ? try readText(textPath) : nil

        let model = try loadModel(evaluation.model.directory, evaluation.precision, evaluation.threads)
        let tasks = try TaskSweep(
            grid, settings: evaluation.settings.values, shard: part, model: model, options: evaluation.sessionOptions)
        let header = try TaskHeader(
            tasks, shard: part, modelName: evaluation.model.name, haystackName: haystackName)
        let losses = try textContents.map { contents in
            try LossSweep(
                of: contents, textName: textPath,
                Perplexity.Options(
                    windowLength: windowLength, windowLimit: windows, bucketLength: bucket,
                    settings: evaluation.settings.values), shard: part, model: model, tokenizer: tokenizer,
                sessionOptions: evaluation.sessionOptions)
        }
        try makeDirectory(output)
        let taskFile = try TaskFile(path: files.tasks, header: header, sweep: tasks, resumes: resume)
        let lossFile = try losses.map { sweep in
            try LossFile(
                path: files.losses,
                header: LossHeader(
                    sweep, shard: part, with: header, textName: URL(fileURLWithPath: textPath).lastPathComponent),
                cells: Set(sweep.keys), resumes: resume)
        }
        let threadCount = try KernelSetting(threadCount: evaluation.threads.threads).threadCount
        let runs = RunFile(path: files.runs) { () throws(EvaluationError) in
            RunLog.Run(
                fingerprint: header.fingerprint, date: Date().formatted(.iso8601), processor: processorName(),
                threads: threadCount, version: LongLMCommand.configuration.version,
                command: ProcessArguments.commandLine(without: ["--resume"]),
                weights: try ModelFile.weights(ofModel: evaluation.model.directory))
        }
        try answer(tasks, taskFile, runs)
        if let losses, let lossFile { try read(losses, lossFile, runs) }
        // From the files, so that the report is the one that compare report makes of them.
        let comparison = try MethodComparison(paths: [output])
        try json ? Terminal.write(json: comparison) : Terminal.write(comparison.table)
        try writeFile(Data(comparison.html().utf8), to: files.report)
        Terminal.writeError("the report is \(files.report)")
    }

    /// Runs what is missing of the tasks.
    private func answer(_ sweep: TaskSweep, _ file: TaskFile, _ runs: RunFile) throws {
        var count = file.rows.count
        if count > 0 { Terminal.writeError("continuing after \(count) of \(sweep.cellCount) answers") }
        let bar = ProgressBar("tasks")
        defer { bar.finish() }
        var start = ContinuousClock.now
        // The modes that the current prompt has been answered with.
        var answered: (task: String, length: Int, sample: Int, modes: Set<String>) = ("", 0, 0, [])
        try sweep.run(
            skipping: Set(file.rows.map(\.key)),
            progress: { bar.update($0, "\(count.grouped) of \(sweep.cellCount.grouped) answers") }
        ) { row throws(EvaluationError) in
            try file.add(row)
            count += 1
            if !Terminal.errorIsTerminal {
                Terminal.writeError(
                    "\(count)/\(sweep.cellCount) \(row.place): \(String(format: "%.1f", row.score * 100))")
            }
            let seconds = (ContinuousClock.now - start).seconds
            if answered.task != row.task || answered.length != row.length || answered.sample != row.sample {
                answered = (row.task, row.length, row.sample, [])
            }
            // A method that comes to the same mode as an earlier one gets its answer without any time.
            if answered.modes.insert(row.mode).inserted {
                try runs.add(RunLog.Time(.answer, length: row.length, mode: row.mode, seconds: seconds))
            }
            start = ContinuousClock.now
        }
    }

    /// Runs what is missing of the text.
    private func read(_ sweep: LossSweep, _ file: LossFile, _ runs: RunFile) throws {
        let cellCount = sweep.keys.count
        var count = file.rows.count
        if count > 0 { Terminal.writeError("continuing after \(count) of \(cellCount) windows") }
        let bar = ProgressBar("text")
        defer { bar.finish() }
        try sweep.run(
            skipping: Set(file.rows.map(\.key)),
            progress: { bar.update($0, "\(count.grouped) of \(cellCount.grouped) windows") }
        ) { row, seconds throws(EvaluationError) in
            try file.add(row)
            count += 1
            if !Terminal.errorIsTerminal { Terminal.writeError("\(count)/\(cellCount) \(row.place)") }
            guard let seconds else { return }
            try runs.add(RunLog.Time(.window, length: sweep.windowLength, mode: row.mode, seconds: seconds))
        }
    }
}

/// `longlm compare report`
struct CompareReport: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Make the report of a comparison from its rows, without a model.",
        discussion: """
            Takes directories that longlm compare has written, and files of rows: parts of one sweep of longlm tasks or \
            longlm compare, in any order. All rows must come from one model with the same settings. The same rows give \
            the same report.
            """)

    @Argument(help: ArgumentHelp("Directories and files of rows.", valueName: "path"))
    var paths: [String]

    @Option(help: ArgumentHelp("Write the report to this HTML file.", valueName: "file"))
    var html: String?

    @Flag(help: "Accept that rows are missing.")
    var partial = false

    @Flag(help: "Print the figures as one JSON object instead of the tables.")
    var json = false

    func run() throws {
        try checkOutput(html)
        let comparison = try MethodComparison(paths: paths)
        guard comparison.missingCount == 0 || partial else {
            throw CommandError.invalidInput(
                "\(comparison.missingCount) rows are missing; finish the parts with --resume, or accept it with --partial"
            )
        }
        try json ? Terminal.write(json: comparison) : Terminal.write(comparison.table)
        if let html { try writeFile(Data(comparison.html().utf8), to: html) }
    }
}

extension MethodComparison {
    /// Mean scores in per cent, losses and seconds, method by method.
    fileprivate var table: String {
        let lengths = header.lengths.sorted()
        let nameWidth = (header.settings.map(\.count).max() ?? 0) + 2
        func line(_ name: String, _ cells: [String]) -> String {
            name.aligned(left: max(nameWidth, 17)) + cells.map { $0.aligned(right: 11) }.joined() + "\n"
        }
        let columns = lengths.map(\.grouped) + ["all"] + (losses == nil ? [] : ["loss", "perplexity"])
        var text = line("mean score in %", columns)
        for method in header.settings {
            let own = means.filter { $0.method == method }
            var cells = own.map { mean in
                mean.score.map { String(format: "%.1f", $0 * 100) + (mean.isBest ? "*" : " ") } ?? "– "
            }
            if let losses = losses?.methods.first(where: { $0.method == method }) {
                cells.append(losses.loss.map { String(format: "%.4f", $0) } ?? "–")
                cells.append(losses.perplexity.map { String(format: "%.3f", $0) } ?? "–")
            }
            text += line(method, cells)
        }
        text += "* the best\n"
        return missingCount > 0 ? text + "\(missingCount.grouped) rows are missing\n" : text
    }
}
