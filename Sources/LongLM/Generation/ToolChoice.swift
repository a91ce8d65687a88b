import Constraints
import Tokenization

/// Which functions an answer in a chat calls.
public enum ToolChoice: Sendable, Equatable {
    /// The model decides whether it calls functions, and which.
    case automatic
    /// The answer is a call of one of the functions.
    case required
    /// The answer is a call of the function with this name.
    case named(String)
}

/// An answer that has to be a call: what it begins and ends with, and what the model may write between the two.
struct ForcedCall {
    /// Up to the function's name, or up to its arguments where the function is given.
    let prefix: String
    /// After the arguments.
    let suffix: String
    let constraint: Constraint

    /// - Parameters:
    ///   - choice: nil is returned for ``ToolChoice/automatic``.
    ///   - form: How the model writes calls; nil: no form is known.
    ///   - number: How many calls the chat has had.
    /// - Throws: ``GenerationError/invalidOption(_:)`` for a choice that the functions or the form don't allow,
    ///   ``GenerationError/constraint(_:)`` for a function's parameters that no constraint can be made of.
    init?(
        _ choice: ToolChoice, of tools: [ToolDefinition], form: ToolCallForm?, tokenizer: Tokenizer, number: Int
    ) throws(GenerationError) {
        var tools = tools
        switch choice {
        case .automatic: return nil
        case .required:
            if tools.isEmpty { throw Self.refusal(choice, allowed: "automatic, because there are no tools") }
        case .named(let name):
            let names = tools.map(\.name)
            tools.removeAll { $0.name != name }
            if tools.isEmpty {
                throw Self.refusal(choice, allowed: "the name of one of the tools: \(names.joined(separator: ", "))")
            }
        }
        guard let form else {
            throw Self.refusal(choice, allowed: "automatic, because the chat format shows no known form of calls")
        }
        let id = ToolCall.identifier(number: number)
        let frames = tools.map { form.frame(ofCallTo: $0.name, id: id) }
        var prefix = frames[0].prefix
        if case .required = choice {
            prefix = Self.part(before: form, id)
            // Marks are tokens of their own, which no constraint can ask for.
            if frames.contains(where: { frame in
                tokenizer.encode(String(frame.prefix.dropFirst(prefix.count))).contains(where: tokenizer.isSpecial)
            }) {
                throw Self.refusal(choice, allowed: "a name, because calls have a mark between name and arguments")
            }
        }
        self.prefix = prefix
        suffix = frames[0].suffix
        do {
            constraint = try .objects(
                after: zip(tools, frames).map {
                    (text: String($1.prefix.dropFirst(prefix.count)), schema: $0.parameters)
                })
        } catch { throw .constraint(error) }
    }

    /// What stands in front of a function's name, without the quotation mark that opens it.
    private static func part(before form: ToolCallForm, _ id: String) -> String {
        let (one, other) = (form.frame(ofCallTo: "a", id: id).prefix, form.frame(ofCallTo: "b", id: id).prefix)
        var common = zip(one.unicodeScalars, other.unicodeScalars).prefix { $0 == $1 }.map(\.0)
        if common.last == "\"" { common.removeLast() }
        return String(String.UnicodeScalarView(common))
    }

    private static func refusal(_ choice: ToolChoice, allowed: String) -> GenerationError {
        let name = if case .named(let name) = choice { name } else { "required" }
        return .invalidOption(InvalidOption("tool choice", name, allowed: allowed))
    }
}
