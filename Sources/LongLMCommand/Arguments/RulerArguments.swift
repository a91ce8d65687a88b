import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// Options for the prompts that `longlm tasks` and `longlm compare` generate.
struct RulerArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp("The tasks, separated by commas, or all. (default: all)", valueName: "list"),
        transform: TaskList.init(listed:))
    var task: TaskList?

    @Option(
        help: ArgumentHelp(
            "The lengths of the prompts with their longest answers, in tokens. (default: 4096)", valueName: "list"),
        transform: CommaSeparated<Int>.init(listed:))
    var lengths: CommaSeparated<Int>?

    @Option(help: ArgumentHelp("The seed of the prompts. (default: 0)", valueName: "n"))
    var seed: UInt64?

    @Option(
        help: ArgumentHelp(
            "The text around needles; by default, Alice's Adventures in Wonderland. It is repeated if it is too short.",
            valueName: "file"))
    var haystack: String?

    func validate() throws { try checkLengths(lengths?.values ?? []) }

    /// The first option that is given; nil: none is.
    var statedOption: String? {
        if task != nil { return "--task" }
        if lengths != nil { return "--lengths" }
        if seed != nil { return "--seed" }
        return haystack == nil ? nil : "--haystack"
    }

    /// The lengths of the prompts.
    var promptLengths: [Int] { lengths?.values ?? [4096] }

    /// The prompts.
    ///
    /// - Parameter count: The number of prompts for each task and length.
    /// - Returns: The grid and the name of the text around needles.
    func grid(count: Int, form: TaskForm) throws -> (grid: TaskGrid, haystackName: String) {
        let path = haystack ?? fixture("haystack/alice.txt")
        let grid = try TaskGrid(
            tasks: task?.values ?? RulerTask.allCases, lengths: promptLengths, count: count,
            seed: seed ?? 0,
            hay: TaskHay(try readText(path), name: path), form: form)
        return (grid, URL(fileURLWithPath: path).lastPathComponent)
    }
}

/// The list of `--task`.
struct TaskList {
    let values: [RulerTask]

    /// - Throws: `ValidationError`, which names the tasks.
    init(listed text: String) throws {
        values = text == "all" ? RulerTask.allCases : try CommaSeparated<RulerTask>(listed: text).values
    }
}

extension RulerTask: CommaSeparable {
    static var form: String { "one of all, " + allCases.map(\.rawValue).joined(separator: ", ") }
    init?(listed: String) { self.init(rawValue: listed) }
    var listed: String { rawValue }
}
