import ArgumentParser

/// Where a prompt comes from.
struct PromptArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The prompt; with = before it when it begins with a dash.", valueName: "text"))
    var prompt: String?

    @Option(help: ArgumentHelp("A file that holds the prompt; - for standard input.", valueName: "file"))
    var promptFile: String?

    /// The prompt's text.
    ///
    /// That there is one is looked at here: the parser validates before it has found misspelt options, and a missing
    /// prompt would take the blame for them.
    func read() throws -> String {
        guard (prompt == nil) != (promptFile == nil) else {
            throw ValidationError("give either --prompt or --prompt-file")
        }
        if let prompt { return prompt }
        let file = promptFile ?? "-"
        return try readText(file == "-" ? nil : file)
    }
}
