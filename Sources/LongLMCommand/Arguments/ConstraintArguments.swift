import ArgumentParser
import LongLM

/// Options for what a text has to be.
struct ConstraintArguments: ParsableArguments {
    @Option(help: ArgumentHelp("The text is JSON of the JSON schema in this file.", valueName: "file"))
    var jsonSchema: String?

    @Option(
        help: ArgumentHelp(
            "The white space of the JSON: none, one space after colons and commas (the default), or what the model chooses.",
            valueName: "compact|spaced|flexible"))
    var jsonWhitespace: JSONWhitespace?

    @Option(help: ArgumentHelp("The text matches this regular expression as a whole.", valueName: "pattern"))
    var regex: String?

    @Option(help: ArgumentHelp("The text follows the grammar in this file, in llama.cpp's GBNF.", valueName: "file"))
    var grammar: String?

    @Option(
        help: ArgumentHelp(
            "The text is exactly one of the given choices. Repeat the option for each: --choices yes --choices no.",
            valueName: "text"))
    var choices: [String] = []

    /// ``Constraint/Whitespace`` by its names.
    enum JSONWhitespace: String, ExpressibleByArgument, CaseIterable {
        case compact, spaced, flexible

        fileprivate var whitespace: Constraint.Whitespace {
            switch self {
            case .compact: .compact
            case .spaced: .spaced
            case .flexible: .flexible
            }
        }
    }

    func validate() throws {
        let count = [jsonSchema != nil, regex != nil, grammar != nil, !choices.isEmpty].count { $0 }
        if count > 1 { throw ValidationError("give only one of --json-schema, --regex, --grammar and --choices") }
        if jsonWhitespace != nil, jsonSchema == nil { throw ValidationError("--json-whitespace needs --json-schema") }
        if let regex {
            do {
                _ = try Constraint.regularExpression(regex)
            } catch { throw ValidationError("--regex: \(error)") }
        }
    }

    /// What the text has to be; nil: anything.
    func constraint() throws -> Constraint? {
        if let jsonSchema {
            return try inFile(jsonSchema) { (text) throws(ConstraintError) in
                try .jsonSchema(text, whitespace: jsonWhitespace?.whitespace ?? .spaced)
            }
        }
        if let grammar { return try inFile(grammar) { (text) throws(ConstraintError) in try .grammar(text) } }
        if let regex { return try .regularExpression(regex) }
        return choices.isEmpty ? nil : try .choice(choices)
    }

    /// Makes a constraint of a file's text; errors name the file.
    private func inFile(
        _ path: String, _ make: (String) throws(ConstraintError) -> Constraint
    ) throws -> Constraint {
        let text = try readText(path)
        do throws(ConstraintError) {
            return try make(text)
        } catch { throw CommandError.invalidInput("\(path): \(error)") }
    }
}
