import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// `longlm verify`
struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare a model's logits with those of the original Self-Extend code.",
        discussion: """
            Each directory holds cases.json and a safetensors file for each case, with input_ids, logits, and optionally \
            baseline_logits and decode_logits. It also holds the model, unless --model names another place.

            Each case is computed as one prefill, in chunks of 1, 7 and 64 tokens, and as a prefill followed by decoding. \
            It passes when no logit is more than 1e-4 standard deviations of the reference's logits away from the \
            reference, and when the most probable token is the same at every position.
            """)

    @Argument(help: ArgumentHelp("Directories of reference cases.", valueName: "dir"))
    var directories: [String]

    @Option(
        name: .customLong("model"),
        help: ArgumentHelp(
            "The model's directory, or a GGUF file; by default the directory of the cases.", valueName: "path"))
    var modelDirectory: String?

    @OptionGroup var threads: ThreadArguments

    @Flag(help: "Print one JSON object instead of the table.")
    var json = false

    func run() throws {
        try Interruption.cancelling { try verify() }
    }

    private func verify() throws {
        let report = Report()
        for argument in directories {
            let directory = argument.count > 1 && argument.hasSuffix("/") ? String(argument.dropLast()) : argument
            report.collect(directory) { () throws(ReferenceError) in
                let verification = try ReferenceVerification(
                    directory: directory, modelDirectory: modelDirectory, threadCount: threads.threads)
                for entry in try ReferenceCase.read(directory: directory) {
                    // The other cases run even if this one can't.
                    report.collect(directory) { () throws(ReferenceError) in
                        try verification.run(entry) { result in
                            report.results.append(result)
                            if !json { try? Terminal.write(result.line + "\n") }
                        }
                    }
                    if Task.isCancelled { return }
                }
            }
            // Ctrl-C is no failure of a case, and ends them all.
            if Task.isCancelled { throw CancellationError() }
        }
        if json {
            try Terminal.write(json: report)
        } else if !report.results.isEmpty {
            let passed = report.results.count { $0.passes }
            try Terminal.write("\(passed) of \(report.results.count) comparisons passed\n")
        }
        if !report.passes { throw CommandError.silent(status: 1) }
    }
}

/// What `verify --json` prints.
private final class Report: Encodable {
    struct Failure: Encodable {
        let directory: String
        let message: String
    }

    var results: [ReferenceResult] = []
    var errors: [Failure] = []

    var passes: Bool { errors.isEmpty && !results.isEmpty && results.allSatisfy(\.passes) }

    /// Runs `body`, and keeps and prints the error that it throws.
    func collect(_ directory: String, _ body: () throws(ReferenceError) -> Void) {
        do throws(ReferenceError) {
            try body()
        } catch {
            if Task.isCancelled { return }
            errors.append(Failure(directory: directory, message: "\(error)"))
            Terminal.writeError("longlm: \(error)")
        }
    }

    enum CodingKeys: CodingKey { case passes, results, errors }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(passes, forKey: .passes)
        try container.encode(results, forKey: .results)
        try container.encode(errors, forKey: .errors)
    }
}

extension ReferenceResult {
    /// One row of the table.
    fileprivate var line: String {
        let name = directory + "/" + file
        let padding = String(repeating: " ", count: max(0, 48 - name.count))
        let paddedMode = mode.padding(toLength: 12, withPad: " ", startingAt: 0)
        let deviation = String(format: "%8.1e", comparison.worstDeviation)
        var text = "\(passes ? "pass" : "FAIL")  \(name)\(padding)  \(paddedMode)  max|Δ|/σ \(deviation)"
        if !passes {
            text += " at position \(comparison.worstRow), token \(comparison.worstToken)"
            if let first = comparison.disagreeingRows.first {
                text += "; most probable token differs at \(comparison.disagreeingRows.count) positions from \(first)"
            }
        }
        return text
    }
}
