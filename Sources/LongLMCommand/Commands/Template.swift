import ArgumentParser
import LongLM

/// `longlm template`
struct TemplateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Show the text that a chat becomes in the model's chat format.",
        discussion: """
            Runs the model's chat template with the messages of a JSON file, an array such as
              [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
            Messages may have whatever else the template knows, such as tool_calls. The text is written as it is, without a \
            line break at the end.
            """)

    @OptionGroup var model: ModelArguments

    @Option(help: ArgumentHelp("A JSON file with an array of messages; - for standard input.", valueName: "file"))
    var messages: String

    @Option(help: ArgumentHelp("A JSON file with an array of tools that the model may call.", valueName: "file"))
    var tools: String?

    @Flag(help: "End after the last message, without the start of an answer.")
    var noGenerationPrompt = false

    @Flag(help: "Print {\"text\": …}, or {\"error\": …} for a chat that the template refuses.")
    var json = false

    func run() throws {
        let messages = try elements(messages)
        let tools = try tools.map(elements)
        let text: String
        do {
            let format = try model.location.chatFormat()
            text = try format.render(messages: messages, tools: tools, addGenerationPrompt: !noGenerationPrompt)
        } catch {
            guard json else { throw error }
            try Terminal.write(json: ["error": "\(error)"])
            throw CommandError.silent(status: 1)
        }
        try json ? Terminal.write(json: ["text": text]) : Terminal.write(text)
    }

    /// The elements of a file that holds an array.
    private func elements(_ file: String) throws -> [TemplateValue] {
        let name = file == "-" ? "standard input" : file
        let text = try readText(file == "-" ? nil : file)
        guard case .array(let elements) = try TemplateValue(json: Array(text.utf8), name: name) else {
            throw CommandError.invalidInput("\(name): is not an array")
        }
        return elements
    }
}
