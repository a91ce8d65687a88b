import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm bench`
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure kernels, and a model's prefill and decode, against this machine's ceilings.",
        discussion: """
            A ceiling is how fast this machine can multiply and add in registers, or read memory, at most. It is \
            measured around every sample. The table has medians: a rate, and what part of the ceiling it reaches. \
            The packing of weights and inputs isn't timed. If the ceiling of another arithmetic is lower here than that of \
            exact 32-bit floats, a line says so.

            Names:
              gemm/f32/512x4096x4096     512 rows, 4096 outputs, 4096 inputs; f32xbf16, f32xq8_0: weights of another \
            format in 32-bit arithmetic; bf16: bfloat16 products; q8_0, q4_k, q6_k: integer products
              gemv/f32/1x49152x576       one row, as in decoding
              attention/plain/8192       all rows of a text of 8,192 tokens, with 9 query and 3 key-value heads of 64
              prefill/f32/4096           4,096 tokens of a prompt, with --model
              decode/bf16/depth4096      one token at a time after 4,096 tokens
              decode/int8xfile/depth0    a GGUF file's weights as they are stored, in int8 or f32 arithmetic
              decode/f32/batch8          one token at a time for each of 8 texts

            To compare two commits, run these in turns, on a quiet machine and with the same options:
              longlm bench --json > old.json
              longlm bench --compare old.json
            """)

    @Option(
        name: .customLong("model"),
        help: ArgumentHelp("The directory of a model to measure, or a GGUF file.", valueName: "path"))
    var modelPath: String?

    @Option(
        help: ArgumentHelp(
            "Measure only the workload of this name, or all whose names contain it. Can be given several times.",
            valueName: "name"))
    var only: [String] = []

    @Option(help: ArgumentHelp("The number of samples of each workload.", valueName: "n"))
    var samples = 9

    @Option(
        help: ArgumentHelp(
            "Compare with this report, which --json has printed. The exit status is 1 when a result's fraction of the "
                + "ceiling fell by more than --tolerance.", valueName: "file"))
    var compare: String?

    @Option(help: ArgumentHelp("How far a result may fall before --compare fails, in per cent.", valueName: "percent"))
    var tolerance = 10.0

    @Option(help: ArgumentHelp("The commit to name in the report; by default, GITHUB_SHA.", valueName: "name"))
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

    func run() throws {
        // An unreadable report is found before minutes of work.
        let old = try compare.map(readReport)
        try Interruption.cancelling { try bench(old) }
    }

    private func bench(_ old: BenchmarkReport?) throws {
        let setting = try KernelSetting(threadCount: threads.threads)
        let suite = BenchmarkSuite(setting: setting, modelPath: modelPath)
        let names = try wantedNames(suite.names)
        let runner = BenchmarkRunner(setting)
        var report = BenchmarkReport(
            machine: processorName(), instructionSet: setting.instructionSet.rawValue, threads: setting.threadCount,
            commit: commit ?? ProcessInfo.processInfo.environment["GITHUB_SHA"], date: Date().timeIntervalSince1970,
            results: [])
        if !json { try Terminal.write("\(report.machine), \(report.instructionSet), \(report.threads.threads)\n") }
        func add(_ result: BenchmarkResult) throws {
            report.results.append(result)
            if !json { try Terminal.write(result.line) }
        }

        for result in runner.ceilings(sampleCount: samples) { try add(result) }
        if !json { for line in report.slowArithmetic { try Terminal.write(line + "\n") } }
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

    /// The names that --only asks for: the one that it spells out, or all that contain it.
    ///
    /// - Throws: ``CommandError`` for an --only that asks for none, before anything is measured.
    private func wantedNames(_ names: [String]) throws(CommandError) -> [String] {
        if only.isEmpty { return names }
        var wanted: Set<String> = []
        var unknown: [String] = []
        for text in only {
            let matches = names.contains(text) ? [text] : names.filter { $0.contains(text) }
            if matches.isEmpty { unknown.append(text) }
            wanted.formUnion(matches)
        }
        guard unknown.isEmpty else {
            throw .invalidInput("no workload has \(unknown.joined(separator: " or ")) in its name")
        }
        return names.filter(wanted.contains)
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
                "longlm: the older report has another setting: \(old.machine), \(old.instructionSet), "
                    + old.threads.threads)
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
        // With --json, standard output holds nothing but JSON.
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
