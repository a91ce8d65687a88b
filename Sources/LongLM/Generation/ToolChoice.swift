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
///
/// ``ChatSession/stream(to:calling:options:progress:)`` makes one by itself. A program that makes a ``Generation`` itself
/// adds the tokens of ``prefix`` to the prompt, sets ``GenerationOptions/constraint``, and leaves
/// ``GenerationOptions/startsText`` false.
public struct ForcedCall: Sendable {
    /// The beginning of the answer, which is part of the prompt: up to the function's name, or up to its arguments if the
    /// function is given.
    public let prefix: String
    /// What stands after the arguments. The model doesn't write it: append it before reading the call.
    public let suffix: String
    /// The functions that can be called, each with the text that the model writes before its arguments. With a given
    /// function, it is empty.
    public let functions: [(name: String, head: String)]
    /// One of the heads, and then arguments that satisfy the function's JSON schema.
    public let constraint: Constraint

    /// A call that has to be.
    ///
    /// - Parameters:
    ///   - choice: Which functions the answer has to call. For ``ToolChoice/automatic``, the result is nil.
    ///   - tools: The functions that there are.
    ///   - form: How the model writes calls; nil: no form is known.
    ///   - tokenizer: The model's.
    ///   - number: How many calls the chat has had so far; forms with ids number the call by it.
    /// - Throws: ``GenerationError/invalidOption(_:)`` for a choice that the functions or the form don't allow,
    ///   ``GenerationError/constraint(_:)`` for a function's parameters that no constraint can be made of.
    public init?(
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
        let functions = zip(tools, frames).map { tool, frame in
            (name: tool.name, head: String(frame.prefix.dropFirst(prefix.count)))
        }
        self.prefix = prefix
        suffix = frames[0].suffix
        self.functions = functions
        do {
            constraint = try .objects(after: zip(tools, functions).map { (text: $1.head, schema: $0.parameters) })
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
