import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm tasks`
struct Tasks: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Score the model's answers in RULER's tasks at several lengths, with several methods.",
        discussion: """
            Generates prompts of RULER's tasks, lets the model answer them, and prints the mean scores. A score is the \
            share of right answers that the model's answer contains. All methods get the same prompts, and the same \
            seed gives the same prompts on every machine.

              longlm tasks --model DIR --task niah_single_2,vt \\
                --lengths 4096,8192 --methods plain,auto,string --output rows.jsonl

            The tasks:
              niah_single_1, 2    one number hidden in noise, in prose
              niah_single_3       one UUID hidden in prose
              niah_multikey_1     one of four numbers in prose
              niah_multikey_2, 3  one of many numbers, of many UUIDs
              niah_multivalue     four numbers for one word
              niah_multiquery     four words with a number each
              vt                  variables that are assigned from one another
              cwe                 the ten most common words of a list
              fwe                 the three most frequent words of a text

            Each row goes to the file as soon as it is finished. --resume continues a sweep that was interrupted or \
            killed. --shard K/N asks one part of the prompts, for example on another machine. tasks merge joins the \
            parts into the file that a single run would have written:

              parallel --joblog sweep.log --resume-failed \\
                longlm tasks --model DIR --threads 1 --shard {}/3 \\
                --output part{}.jsonl --resume ::: 1 2 3
              longlm tasks merge part?.jsonl --output rows.jsonl
            """,
        subcommands: [TasksRun.self, TasksMerge.self], defaultSubcommand: TasksRun.self)
}

/// Whether prompts take a chat format.
enum PromptForm: String, EnumerableFlag {
    case base, chat

    static func help(for value: Self) -> ArgumentHelp? {
        switch value {
        case .base: "Give the model the bare prompt, as RULER does with base models."
        case .chat: "Give the model the prompt as a user's message; its answer begins as RULER's does."
        }
    }
}

/// `longlm tasks run`, or `longlm tasks` alone.
struct TasksRun: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run a sweep (the default).")

    @OptionGroup var evaluation: EvaluationArguments

    @Option(
        help: ArgumentHelp("The tasks, separated by commas, or all.", valueName: "list"),
        transform: TaskList.init(listed:))
    var task = TaskList(all: true)

    @Option(
        help: ArgumentHelp("The lengths of the prompts with their longest answers, in tokens.", valueName: "list"),
        transform: CommaSeparated.init(listed:))
    var lengths = CommaSeparated([4096])

    @Option(help: ArgumentHelp("The number of prompts for each task and length.", valueName: "n"))
    var count = 20

    @Option(help: ArgumentHelp("The seed of the prompts.", valueName: "n"))
    var seed: UInt64 = 0

    @Option(
        help: ArgumentHelp(
            "The text around needles; by default, Alice's Adventures in Wonderland. It is repeated if it is too short.",
            valueName: "file"))
    var haystack: String?

    @Flag var form = PromptForm.base

    @OptionGroup var chatFormat: ChatFormatArguments

    @Option(help: ArgumentHelp("Add rows to this file of JSON lines.", valueName: "file"))
    var output: String?

    @Flag(help: "Continue the sweep whose rows are in --output.")
    var resume = false

    @Option(help: ArgumentHelp("Ask only part K of N of the prompts.", valueName: "k/n"))
    var shard: String?

    @Option(
        help: ArgumentHelp(
            "Write the prompts to this file of JSON lines, with the names of RULER's files, and ask no model.",
            valueName: "file"))
    var writePrompts: String?

    @OptionGroup var charts: SweepChartArguments

    @Flag(help: "Print the rows as JSON lines, the header first, instead of the table.")
    var json = false

    func validate() throws {
        try checkLengths(lengths.values)
        if !(1...100_000).contains(count) {
            throw ValidationError("--count is \(count); it must be between 1 and 100000")
        }
        if resume, output == nil { throw ValidationError("--resume needs --output") }
        if let shard, Shard(shard) == nil {
            throw ValidationError("--shard is \(shard); it must be K/N with K between 1 and N, such as 2/3")
        }
        if form == .base, chatFormat.chatFormat != nil { throw ValidationError("--chat-format needs --chat") }
        if writePrompts != nil, output != nil || json || charts.svg != nil || charts.html != nil {
            throw ValidationError("--write-prompts asks no model; --output, --json, --svg and --html need answers")
        }
    }

    func run() throws {
        try Interruption.cancelling { try sweep() }
    }

    private func sweep() throws {
        // Wrong input is refused before the weights are loaded.
        try evaluation.check(lengths: lengths.values)
        try checkOutput(output)
        try checkOutput(writePrompts)
        try charts.check()
        let path = haystack ?? fixture("haystack/alice.txt")
        let location = try evaluation.model.location
        let promptForm = TaskForm(
            tokenizer: try evaluation.tokenizer(),
            chatFormat: form == .chat ? try chatFormat.format(of: location) : nil)
        let grid = try TaskGrid(
            tasks: task.values, lengths: lengths.values, count: count, seed: seed,
            hay: TaskHay(try readText(path), name: path), form: promptForm)
        let part = shard.flatMap { Shard($0) }
        if let writePrompts { return try write(grid, part, to: writePrompts) }
        let model = try loadModel(evaluation.model.directory, evaluation.precision, evaluation.threads)
        let sweep = try TaskSweep(
            grid, settings: evaluation.settings.values, shard: part, model: model, options: evaluation.sessionOptions)
        let header = try TaskHeader(
            sweep, shard: part, modelName: evaluation.model.name,
            haystackName: URL(fileURLWithPath: path).lastPathComponent)
        let file = try output.map { try TaskFile(path: $0, header: header, sweep: sweep, resumes: resume) }
        var log = TaskLog(header: header, rows: file?.rows ?? [])
        if json { try Terminal.write(log.jsonLines()) }
        if !log.rows.isEmpty {
            Terminal.writeError("continuing after \(log.rows.count) of \(sweep.cellCount) rows")
        }
        let bar = ProgressBar("tasks")
        defer { bar.finish() }
        try sweep.run(
            skipping: Set(log.rows.map(\.key)),
            progress: { bar.update($0, "\(log.rows.count.grouped) of \(sweep.cellCount.grouped) rows") }
        ) { row throws(EvaluationError) in
            try file?.add(row)
            log.rows.append(row)
            if !Terminal.errorIsTerminal {
                Terminal.writeError("\(log.rows.count)/\(sweep.cellCount) \(row.place): \(row.score.percent)")
            }
            if json { try? Terminal.write(row.jsonLine()) }
        }
        bar.finish()
        if !json { try Terminal.write(log.table) }
        try charts.write(header.settings, svg: log.svg, html: log.html)
    }

    /// Writes the prompts one by one, since all of them may not fit into memory.
    private func write(_ grid: TaskGrid, _ part: Shard?, to path: String) throws {
        try writeFile(Data(), to: path)
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw CommandError.invalidInput("\(path): can't be written")
        }
        try grid.writePrompts(shard: part) { line throws(EvaluationError) in
            if Task.isCancelled { throw .session(.cancelled(position: 0)) }
            do {
                try handle.write(contentsOf: Data(line.utf8))
            } catch { throw .file(path, reason: "can't be written") }
        }
    }
}

/// `longlm tasks merge`
struct TasksMerge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Join the files of a sweep's parts, and print their mean scores.",
        discussion: """
            The parts must belong to one sweep: the same model, text, seed, tasks, lengths and methods. The result has \
            the same bytes as the file of a single run. Give a single complete file to print its table again.
            """)

    @Argument(help: ArgumentHelp("The files of the parts.", valueName: "file"))
    var files: [String]

    @Option(help: ArgumentHelp("Write the rows to this file instead of printing the table.", valueName: "file"))
    var output: String?

    @Flag(help: "Accept that rows are missing.")
    var partial = false

    @OptionGroup var charts: SweepChartArguments

    @Flag(help: "Print the rows as JSON lines, the header first, instead of the table.")
    var json = false

    func run() throws {
        try checkOutput(output)
        try charts.check()
        let log = try completeLog(TaskLog.merge(files), partial: partial)
        if let output { try writeFile(Data(log.jsonLines().utf8), to: output) }
        if json {
            try Terminal.write(log.jsonLines())
        } else if output == nil {
            try Terminal.write(log.table)
        }
        try charts.write(log.header.settings, svg: log.svg, html: log.html)
    }
}

/// The list of `--task`.
struct TaskList: CustomStringConvertible {
    let values: [RulerTask]

    init(all: Bool) { values = all ? RulerTask.allCases : [] }

    /// - Throws: `ValidationError`, which names the tasks.
    init(listed text: String) throws {
        values = text == "all" ? RulerTask.allCases : try CommaSeparated<RulerTask>(listed: text).values
    }

    var description: String { values == RulerTask.allCases ? "all" : values.map(\.rawValue).joined(separator: ",") }
}

extension RulerTask: CommaSeparable {
    static var form: String { "one of all, " + allCases.map(\.rawValue).joined(separator: ", ") }
    init?(listed: String) { self.init(rawValue: listed) }
    var listed: String { rawValue }
}

extension TaskLog {
    /// Mean scores in per cent, task × method × length, and the mean over the tasks if there are several.
    fileprivate var table: String {
        let lengths = header.lengths.sorted()
        let taskWidth = (header.tasks.map(\.count).max() ?? 0) + 2
        let settingWidth = (header.settings + ["method"]).map(\.count).max().map { $0 + 2 } ?? 0
        var text =
            "score in %".aligned(left: max(taskWidth, 12)) + "method".aligned(left: settingWidth)
            + lengths.map { $0.grouped.aligned(right: 10) }.joined() + "\n"
        func add(_ name: String, _ task: String?) {
            for setting in header.settings {
                let scores = lengths.map { length in
                    (meanScore(task: task, length: length, setting: setting)?.percent ?? "–").aligned(right: 10)
                }
                text +=
                    name.aligned(left: max(taskWidth, 12)) + setting.aligned(left: settingWidth) + scores.joined()
                    + "\n"
            }
        }
        for task in header.tasks { add(task, task) }
        if header.tasks.count > 1 { add("mean", nil) }
        return text
    }
}

extension Double {
    /// In per cent with a decimal, such as `12.5`.
    fileprivate var percent: String { String(format: "%.1f", self * 100) }
}
