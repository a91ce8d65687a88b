import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm tasks`
struct Tasks: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Score the model's answers in RULER's tasks, or to questions of a file, with several methods.",
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

            --input asks the samples of a file instead, such as those of LongBench or L-Eval, and compares answers with \
            the right ones by F1, ROUGE-L or containment:

              longlm tasks --model DIR --input hotpotqa.jsonl --template dataset2prompt.json \\
                --max-length 16384 --truncate middle --methods auto,string --output rows.jsonl

            Its table has a column for all samples, and one for each of LongBench-E's lengths, which are in words.
            """,
        subcommands: [TasksRun.self, TasksMerge.self], defaultSubcommand: TasksRun.self)
}

/// Whether prompts take a chat format.
enum PromptForm: String, EnumerableFlag {
    case base, chat

    static func help(for value: Self) -> ArgumentHelp? {
        switch value {
        case .base: "Give the model the bare prompt, as RULER does with base models."
        case .chat:
            "Give the model the prompt as a user's message. In generated tasks, its answer begins as RULER's does."
        }
    }
}

/// `longlm tasks run`, or `longlm tasks` alone.
struct TasksRun: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "run", abstract: "Run a sweep (the default).")

    @OptionGroup var evaluation: EvaluationArguments

    @OptionGroup(title: "Generated tasks") var ruler: RulerArguments

    @OptionGroup(title: "Samples of a file") var dataSet: DataSetArguments

    @Option(
        help: ArgumentHelp(
            "The number of prompts for each task and length, by default 20. With --input, the number of samples of each data set, "
                + "by default all.",
            valueName: "n"))
    var count: Int?

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
        if let option = ruler.statedOption, dataSet.input != nil {
            throw ValidationError("\(option) is for generated tasks; --input has prompts of its own")
        }
        if let count, !(1...100_000).contains(count) {
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
        if dataSet.input == nil { try evaluation.check(lengths: ruler.promptLengths) }
        try checkOutput(output)
        try checkOutput(writePrompts)
        try charts.check()
        let promptForm = TaskForm(
            tokenizer: try evaluation.tokenizer(),
            chatFormat: form == .chat ? try chatFormat.format(of: evaluation.model.location) : nil)
        if let input = dataSet.input {
            try askDataSets(input, promptForm)
        } else {
            try askTasks(promptForm)
        }
    }

    private var loadedModel: LanguageModel {
        get throws { try loadModel(evaluation.model.directory, evaluation.precision, evaluation.threads) }
    }

    private var part: Shard? { shard.flatMap { Shard($0) } }

    private func askTasks(_ form: TaskForm) throws {
        let (grid, haystackName) = try ruler.grid(count: count ?? 20, form: form)
        if let writePrompts {
            return try write(to: writePrompts) { line throws(EvaluationError) in
                try grid.writePrompts(shard: part, line)
            }
        }
        let sweep = try TaskSweep(
            grid, settings: evaluation.settings.values, shard: part, model: loadedModel,
            options: evaluation.sessionOptions)
        let header = try TaskHeader(
            sweep, shard: part, modelName: evaluation.model.name, haystackName: haystackName)
        try gather(
            header, cellCount: sweep.cellCount,
            file: output.map { try TaskFile(path: $0, header: header, sweep: sweep, resumes: resume) },
            run: sweep.run)
    }

    private func askDataSets(_ input: String, _ form: TaskForm) throws {
        let grid = try dataSet.grid(input, count: count, shard: part, form: form)
        for group in grid.leftOut {
            Terminal.writeError(
                "left out of \(group.dataSet): \(group.count.grouped) of its samples, \(group.reason)")
        }
        if let writePrompts { return try write(to: writePrompts, grid.writePrompts) }
        try evaluation.check(lengths: grid.lengths)
        let sweep = try DataSetSweep(
            grid, settings: evaluation.settings.values, model: loadedModel,
            options: evaluation.sessionOptions)
        let header = try DataSetHeader(sweep, modelName: evaluation.model.name)
        try gather(
            header, cellCount: sweep.cellCount,
            file: output.map { try DataSetFile(path: $0, header: header, sweep: sweep, resumes: resume) },
            run: sweep.run)
    }

    /// Runs what is missing of a sweep, keeps the rows and shows them.
    private func gather<Header: ScoreHeader>(
        _ header: Header, cellCount: Int, file: SweepFile<Header>?,
        run: (Set<Header.Row.Key>, ((Double) -> Void)?, (Header.Row) throws(EvaluationError) -> Void)
            throws(EvaluationError) -> Void
    ) throws {
        var log = SweepLog(header: header, rows: file?.rows ?? [])
        if json { try Terminal.write(log.jsonLines()) }
        if !log.rows.isEmpty {
            Terminal.writeError("continuing after \(log.rows.count) of \(cellCount) rows")
        }
        let bar = ProgressBar("tasks")
        defer { bar.finish() }
        try run(
            Set(log.rows.map(\.key)), { bar.update($0, "\(log.rows.count.grouped) of \(cellCount.grouped) rows") }
        ) { row throws(EvaluationError) in
            try file?.add(row)
            log.rows.append(row)
            if !Terminal.errorIsTerminal {
                Terminal.writeError("\(log.rows.count)/\(cellCount) \(row.place): \(row.score.percent)")
            }
            if json { try? Terminal.write(row.jsonLine()) }
        }
        bar.finish()
        if !json { try Terminal.write(Header.table(log)) }
        try charts.write(log)
    }

    /// Writes prompts one by one, since all of them may not fit into memory.
    private func write(
        to path: String,
        _ prompts: ((String) throws(EvaluationError) -> Void) throws(EvaluationError) -> Void
    ) throws {
        try writeFile(Data(), to: path)
        guard let handle = FileHandle(forWritingAtPath: path) else {
            throw CommandError.invalidInput("\(path): can't be written")
        }
        try prompts { line throws(EvaluationError) in
            if Task.isCancelled { throw .session(.cancelled(position: 0)) }
            do {
                try handle.write(contentsOf: Data(line.utf8))
            } catch { throw .file(path, reason: "can't be written") }
        }
    }
}
