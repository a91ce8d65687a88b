import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// The `longlm` command.
struct LongLMCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "longlm",
        abstract: "Run language models past their trained context with Self-Extend, on the CPU.",
        discussion: """
            A model is a directory in Hugging Face's form: config.json, model.safetensors (or its shards with their \
            index) and tokenizer.json. It can also be a GGUF file, or the first of its shards.

            Results go to standard output; progress, statistics and errors go to standard error. The exit status is \
            0 on success, 1 for input that can't be used or a verification that failed, 2 for wrong usage and 130 \
            after Ctrl-C.

            Environment: OMP_NUM_THREADS sets the number of threads unless --threads does. LONGLM_ISA asks for an \
            older instruction set than the processor's best: baseline, avx2, avx2vnni, avx512 or avx512vnni; on arm64 \
            baseline, neondot or neoni8mm.
            """,
        version: "0.1.0",
        subcommands: [
            Demo.self, Chat.self, Generate.self, Score.self, Embed.self, Plan.self, Passkey.self, Needle.self,
            Tasks.self, Compare.self, PerplexityCommand.self, Verify.self, Logits.self, Tokenize.self,
            TemplateCommand.self,
            Inspect.self, Quantize.self, Bench.self,
        ])
}

@main
enum Main {
    /// The thread on which commands run.
    static let thread = InferenceThread(name: "command")

    static func main() {
        Interruption.prepare()
        // The command runs as a task, which can be cancelled, on a thread of its own: where the system refuses them a
        // thread, the tasks of others wait for ever.
        guard ThreadProbe.systemGrants(threadCount: 1) else {
            Terminal.writeError(
                "longlm: the system allows this process no further threads (see ulimit -u and ulimit -v)")
            exit(1)
        }
        let task = Task.detached(executorPreference: thread) {
            await run()
            exit(0)
        }
        Interruption.wait(cancelling: task)
    }

    private static func run() async {
        do {
            var command = try LongLMCommand.parseAsRoot(ProcessArguments.own.get().values)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            leave(with: error)
        }
    }

    /// Prints the error in one line and exits.
    private static func leave(with error: any Error) -> Never {
        let code = LongLMCommand.exitCode(for: error)
        if code.isSuccess { LongLMCommand.exit(withError: error) }
        if case .silent(let status)? = error as? CommandError { exit(status) }
        if error.isCancellation {
            Terminal.writeError("longlm: interrupted")
            exit(130)
        }
        if code == .validationFailure, let name = strangeCommand {
            Terminal.writeError("longlm: there is no command \(name)\(suggestion(for: name)) (see longlm --help)")
            exit(2)
        }
        if code == .validationFailure {
            Terminal.writeError("longlm: \(LongLMCommand.message(for: error)) (see \(helpCommand))")
            exit(2)
        }
        Terminal.writeError("longlm: \(error)")
        exit(1)
    }
}

extension Main {
    private static var commandNames: [String] {
        LongLMCommand.configuration.subcommands.map {
            $0.configuration.commandName ?? String(describing: $0).lowercased()
        }
    }

    private static var firstArgument: String? { try? ProcessArguments.own.get().values.first }

    /// The command whose help explains what was tried.
    private static var helpCommand: String {
        guard let name = firstArgument, commandNames.contains(name) else {
            return "longlm --help"
        }
        return "longlm \(name) --help"
    }

    /// The first argument, if it should be a command and is none.
    private static var strangeCommand: String? {
        guard let name = firstArgument, !name.hasPrefix("-"), name != "help", !commandNames.contains(name) else {
            return nil
        }
        return name
    }

    /// What was probably meant.
    private static func suggestion(for name: String) -> String {
        // What other programs call it.
        let others = ["run": "chat", "perplex": "perplexity", "benchmark": "bench"]
        if let other = others[name.lowercased()] { return "; did you mean \(other)?" }
        let near = commandNames.map { (name: $0, distance: editDistance(name.lowercased(), $0)) }
            .min { $0.distance < $1.distance }
        guard let near, near.distance <= 2 else { return "" }
        return "; did you mean \(near.name)?"
    }

    /// How many characters must be inserted, removed or replaced to make one text of the other (Levenshtein, 1966).
    private static func editDistance(_ left: String, _ right: String) -> Int {
        // Nobody meant a command with a text that is much longer than any.
        let (left, right) = (Array(left.prefix(32)), Array(right))
        var row = Array(0...right.count)
        for (i, character) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let cost = min(diagonal + (character == other ? 0 : 1), row[j] + 1, row[j + 1] + 1)
                diagonal = row[j + 1]
                row[j + 1] = cost
            }
        }
        return row[right.count]
    }
}

/// Why a command failed.
enum CommandError: Error, CustomStringConvertible {
    /// Input that can't be used.
    case invalidInput(String)
    /// A failure that has been reported already; only the exit status is left to set.
    case silent(status: Int32)

    var description: String {
        switch self {
        case .invalidInput(let reason): reason
        case .silent(let status): "exit status \(status)"
        }
    }
}

extension Error {
    /// Whether somebody interrupted the command, which is no failure.
    fileprivate var isCancellation: Bool {
        if self is CancellationError { return true }
        if case .cancelled? = self as? SessionError { return true }
        if (self as? GenerationError)?.isCancellation == true { return true }
        if (self as? ChatError)?.isCancellation == true { return true }
        if case .cancelled? = self as? ModelError { return true }
        if case .model(.checkpoint(.cancelled))? = self as? QuantizationError { return true }
        if case .session(.cancelled)? = self as? EvaluationError { return true }
        return false
    }
}
