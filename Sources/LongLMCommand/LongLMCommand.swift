import ArgumentParser
import Foundation
import LongLM
import LongLMEvaluation

/// The `longlm` command.
struct LongLMCommand: AsyncParsableCommand {
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
            older instruction set than the processor's best: baseline, avx2, avx2vnni, avx512 or avx512vnni.
            """,
        version: "0.1.0",
        subcommands: [
            Demo.self, Generate.self, Plan.self, Passkey.self, Needle.self, PerplexityCommand.self, Verify.self,
            Logits.self, Tokenize.self, Inspect.self, Bench.self,
        ])
}

@main
enum Main {
    static func main() async {
        do {
            var command = try LongLMCommand.parseAsRoot()
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
        if code == .validationFailure {
            Terminal.writeError("longlm: \(LongLMCommand.message(for: error)) (see \(helpCommand))")
            exit(2)
        }
        Terminal.writeError("longlm: \(error)")
        exit(1)
    }
}

extension Main {
    /// The command whose help explains what was tried.
    private static var helpCommand: String {
        let names = LongLMCommand.configuration.subcommands.map {
            $0.configuration.commandName ?? String(describing: $0).lowercased()
        }
        guard let name = CommandLine.arguments.dropFirst().first, names.contains(name) else { return "longlm --help" }
        return "longlm \(name) --help"
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
        if case .cancelled? = self as? ModelError { return true }
        if case .session(.cancelled)? = self as? EvaluationError { return true }
        return false
    }
}
