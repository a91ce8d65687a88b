import ArgumentParser
import Foundation
import LongLMEvaluation

/// `longlm tasks merge`
struct TasksMerge: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Join the files of a sweep's parts, and print their mean scores.",
        discussion: """
            The parts must belong to one sweep: the same model, text, seed, tasks, lengths and methods, or the same \
            input, template and metrics. The result has the same bytes as the file of a single run. Give a single \
            complete file to print its table again.
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
        if try sweepFormat(ofFile: files[0]) == DataSetHeader.currentFormat {
            try merge(DataSetHeader.self)
        } else {
            try merge(TaskHeader.self)
        }
    }

    private func merge<Header: ScoreHeader>(_ header: Header.Type) throws {
        let log = try completeLog(SweepLog<Header>.merge(files), partial: partial)
        if let output { try writeFile(Data(log.jsonLines().utf8), to: output) }
        if json {
            try Terminal.write(log.jsonLines())
        } else if output == nil {
            try Terminal.write(Header.table(log))
        }
        try charts.write(log)
    }
}
