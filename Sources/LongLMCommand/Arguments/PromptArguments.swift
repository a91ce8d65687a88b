import ArgumentParser

/// Where a prompt comes from.
struct PromptArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The prompt. If it begins with a dash, write --prompt=TEXT.", valueName: "text"))
    var prompt: String?

    @Option(help: ArgumentHelp("A file that holds the prompt; - for standard input.", valueName: "file"))
    var promptFile: String?

    /// The prompt's text.
    ///
    /// A missing prompt is refused here, not in `validate()`: that runs before misspelt options are found, so a misspelt
    /// --prompt would be reported as a missing one.
    func read() throws -> String {
        guard (prompt == nil) != (promptFile == nil) else {
            throw ValidationError("give either --prompt or --prompt-file")
        }
        if let prompt { return prompt }
        let file = promptFile ?? "-"
        return try readText(file == "-" ? nil : file)
    }
}
