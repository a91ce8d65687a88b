import LongLM

/// Takes entries from standard input, one after another, until the input ends or somebody leaves.
///
/// At a terminal, an error is shown and the chat goes on. Otherwise the first one ends it.
struct ChatLoop {
    private let conversation: Conversation
    private let interruption = ChatInterruption()

    init(_ conversation: Conversation) { self.conversation = conversation }

    /// Runs to the end.
    func run() async throws {
        var input = ChatInput(interruption)
        guard input.isInteractive else {
            while let entry = try input.next(), entry != .exit {
                try await Interruption.cancelling { try await run(entry) }
            }
            return
        }
        Terminal.writeError("/help shows the commands; Ctrl-C ends an answer, Ctrl-D or /exit leaves")
        await Interruption.calling({ [interruption] in interruption.handle() }) {
            while await runNext(&input) {}
        }
    }

    /// Runs the next entry at a terminal.
    ///
    /// - Returns: Whether the chat goes on.
    private func runNext(_ input: inout ChatInput) async -> Bool {
        do {
            guard let entry = try input.next(), entry != .exit else { return false }
            // An answer is a task of its own, which Ctrl-C can cancel.
            let task = Task(executorPreference: Main.thread) { try await run(entry) }
            try await interruption.answering(task)
        } catch let error as GenerationError where error.isCancellation {
            // In the place of the terminal's own ^C, where the answer has no text yet.
            Terminal.drawError("\r\u{1b}[K")
            Terminal.writeError("(interrupted)")
        } catch {
            Terminal.writeError("longlm: \(error)")
        }
        return true
    }

    private func run(_ entry: ChatEntry) async throws {
        switch entry {
        case .message(let text): try await conversation.answer(to: text)
        case .clear:
            await conversation.clear()
            Terminal.writeError("the conversation is forgotten")
        case .system(let text):
            try await conversation.setSystem(text)
            Terminal.writeError("the system message is set")
        case .save(let path): Terminal.writeError("saved \(try await conversation.save(to: path))")
        case .load(let path): Terminal.writeError("loaded \(try await conversation.load(path))")
        case .stats: await show(conversation.statistics)
        case .help: show(ChatEntry.explanation)
        case .exit: break
        }
    }

    /// Writes lines to standard error.
    private func show(_ text: String) {
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) { Terminal.writeError(String(line)) }
    }
}
