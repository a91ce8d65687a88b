import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm bench`
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure kernels, and a model's prefill and decode, beside this machine's ceilings.",
        discussion: """
            Measures what this machine can do at most (multiplications and additions in registers, reading memory) \
            around every sample, and prints medians: a rate, and what it is of the ceiling. Packing of weights and \
            inputs isn't timed.

            Names:
              gemm/f32/512x4096x4096     512 rows, 4096 outputs, 4096 inputs; f32xbf16: weights of bfloat16 in 32-bit \
            arithmetic; bf16: bfloat16 products
              gemv/f32/1x49152x576       one row, as in decoding
              attention/plain/8192       all rows of a text of 8,192 tokens, 9 query and 3 key-value heads of 64
              prefill/f32/4096           4,096 tokens of --model
              decode/bf16/depth4096      one token at a time after 4,096

            Compare two commits on a quiet machine, in turns, and with the same options:
              longlm bench --json > old.json
              longlm bench --compare old.json
            """)

    @Option(name: .customLong("model"), help: ArgumentHelp("A model's directory, to measure it too.", valueName: "dir"))
    var modelDirectory: String?

    @Option(
        help: ArgumentHelp(
            "Only the workload of this name, or all that have it in their names; may be given several times, and any of "
                + "them suffices.", valueName: "name"))
    var only: [String] = []

    @Option(help: ArgumentHelp("Samples of each workload.", valueName: "n"))
    var samples = 9

    @Option(
        help: ArgumentHelp(
            "A report of --json to compare with. Exit status 1 when a result's fraction of the ceiling fell by more "
                + "than --tolerance.", valueName: "file"))
    var compare: String?

    @Option(help: ArgumentHelp("The fall in per cent that --compare accepts.", valueName: "percent"))
    var tolerance = 10.0

    @Option(help: ArgumentHelp("The commit to name in the report; by default GITHUB_SHA's.", valueName: "name"))
    var commit: String?

    @OptionGroup var threads: ThreadArguments

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func validate() throws {
        if !(1...1000).contains(samples) {
            throw ValidationError("--samples is \(samples); it must be between 1 and 1000")
        }
        if !(tolerance > 0 && tolerance < 100) {
            throw ValidationError("--tolerance is \(tolerance); it must be between 0 and 100")
        }
    }

    func run() async throws {
        // An unreadable report is found before minutes of work.
        let old = try compare.map(readReport)
        try await Interruption.cancelling { try bench(old) }
    }

    private func bench(_ old: BenchmarkReport?) throws {
        let setting = try KernelSetting(threadCount: threads.threads)
        let runner = BenchmarkRunner(setting)
        var report = BenchmarkReport(
            machine: processorName(), instructionSet: setting.instructionSet.rawValue, threads: setting.threadCount,
            commit: commit ?? ProcessInfo.processInfo.environment["GITHUB_SHA"], date: Date().timeIntervalSince1970,
            results: [])
        if !json { try Terminal.write("\(report.machine), \(report.instructionSet), \(report.threads) threads\n") }
        func add(_ result: BenchmarkResult) throws {
            report.results.append(result)
            if !json { try Terminal.write(result.line) }
        }

        for result in runner.ceilings(sampleCount: samples) { try add(result) }
        let suite = BenchmarkSuite(setting: setting, modelDirectory: modelDirectory)
        let names = suite.names.filter { name in
            only.isEmpty || only.contains { suite.names.contains($0) ? name == $0 : name.contains($0) }
        }
        guard !names.isEmpty else {
            throw CommandError.invalidInput("no workload has \(only.joined(separator: " or ")) in its name")
        }
        let bar = ProgressBar("measuring")
        defer { bar.finish() }
        for (index, name) in names.enumerated() {
            bar.update(Double(index) / Double(names.count), name)
            let result = try runner.measure(try suite.workload(name), sampleCount: samples)
            bar.finish()
            try add(result)
        }
        if json { try Terminal.write(json: report) }
        if let old { try compare(report, with: old) }
    }

    private func readReport(_ path: String) throws -> BenchmarkReport {
        let contents = Data(try readFile(path))
        do {
            return try JSONDecoder().decode(BenchmarkReport.self, from: contents)
        } catch {
            throw CommandError.invalidInput("\(path): not a report of longlm bench --json")
        }
    }

    private func compare(_ report: BenchmarkReport, with old: BenchmarkReport) throws {
        let changes = report.changes(since: old)
        guard !changes.isEmpty else { throw CommandError.invalidInput("the reports have no result in common") }
        if report.machine != old.machine || report.threads != old.threads
            || report.instructionSet != old.instructionSet
        {
            Terminal.writeError(
                "longlm: the older report is of another setting: \(old.machine), \(old.instructionSet), "
                    + "\(old.threads) threads")
        }
        var text = ""
        var regressed = false
        for change in changes {
            let isRegression = change.isRegression(tolerance: tolerance / 100)
            regressed = regressed || isRegression
            text += String(
                format: "%@  %.3f × old, %.3f × its fraction of the ceiling%@\n",
                change.name.padding(toLength: 34, withPad: " ", startingAt: 0), change.ratio, change.fractionRatio,
                isRegression ? "  REGRESSION" : "")
        }
        // Beside JSON on standard output, for a person.
        if json { Terminal.drawError(text) } else { try Terminal.write("\n" + text) }
        if regressed { throw CommandError.silent(status: 1) }
    }
}

extension BenchmarkResult {
    /// One row of the table.
    fileprivate var line: String {
        let number = String(format: "%10.1f", value)
        let share = name.hasPrefix("ceiling/") ? "" : String(format: "  %5.1f %% of ceiling", fractionOfCeiling * 100)
        return name.padding(toLength: 34, withPad: " ", startingAt: 0) + "\(number) "
            + unit.padding(toLength: 8, withPad: " ", startingAt: 0) + share + "\n"
    }
}

/// The processor's name as the system tells it.
private func processorName() -> String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    let name = line?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
    return name ?? "unknown processor"
}
