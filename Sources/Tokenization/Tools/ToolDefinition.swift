/// A function that a model may call: what a chat template gets in its list `tools`.
///
/// The names of its members and their order reach the template as they are, so that a template's `tojson` writes what
/// `apply_chat_template(tools=…)` of transformers writes.
public struct ToolDefinition: Sendable, Equatable {
    /// The name that calls state.
    public let name: String
    /// What the function does; nil where nothing is said.
    public let description: String?
    /// The arguments as a JSON schema of an object; nil where nothing is said.
    public let parameters: TemplateValue?
    /// What templates get: `{"type": "function", "function": {…}}`.
    public let value: TemplateValue

    /// A function.
    ///
    /// - Parameters:
    ///   - name: The name that calls state.
    ///   - description: What the function does, for the model.
    ///   - parameters: A JSON schema of an object with the arguments; ``TemplateValue/init(json:name:)`` reads one.
    public init(name: String, description: String, parameters: TemplateValue) {
        self.name = name
        self.description = description
        self.parameters = parameters
        value = [
            "type": "function",
            "function": ["name": .string(name), "description": .string(description), "parameters": parameters],
        ]
    }

    /// A function as OpenAI's interface has it: `{"type": "function", "function": {"name": …, "description": …,
    /// "parameters": …}}`. Further members stay, for templates that read them.
    ///
    /// - Parameters:
    ///   - value: The object.
    ///   - file: What errors call the place that it comes from.
    ///   - key: The key that leads to it there, such as `tools[2]`.
    /// - Throws: `missingKey` without a function and its name, and `invalidValue` for a type that isn't a function, an
    ///   empty name, a description that isn't a text, and parameters that aren't an object.
    public init(_ value: TemplateValue, file: String, key: String = "tool") throws(TokenizerError) {
        if let type = value["type"], type != "function" {
            throw .invalidValue(file: file, key: "\(key).type", expected: "function")
        }
        guard let function = value["function"] else { throw .missingKey(file: file, key: "\(key).function") }
        guard case .object = function else {
            throw .invalidValue(file: file, key: "\(key).function", expected: "an object")
        }
        guard let name = function["name"] else { throw .missingKey(file: file, key: "\(key).function.name") }
        guard let text = name.string, !text.isEmpty else {
            throw .invalidValue(file: file, key: "\(key).function.name", expected: "a text")
        }
        self.name = text
        switch function["description"] {
        case nil, .null?: description = nil
        case .string(let text)?: description = text
        default: throw .invalidValue(file: file, key: "\(key).function.description", expected: "a text")
        }
        switch function["parameters"] {
        case nil, .null?: parameters = nil
        case .object(let members)?: parameters = .object(members)
        default: throw .invalidValue(file: file, key: "\(key).function.parameters", expected: "an object")
        }
        self.value = value
    }

    /// Reads an array of functions; see ``init(_:file:key:)``.
    ///
    /// - Parameters:
    ///   - bytes: The JSON text in UTF-8.
    ///   - name: What errors call the file.
    /// - Throws: The errors of reading JSON, `invalidValue` for anything but an array, and what ``init(_:file:key:)``
    ///   throws.
    public static func list(json bytes: [UInt8], name: String) throws(TokenizerError) -> [ToolDefinition] {
        guard case .array(let elements) = try TemplateValue(json: bytes, name: name) else {
            throw .invalidValue(file: name, key: "the top level", expected: "an array")
        }
        var tools: [ToolDefinition] = []
        for (index, element) in elements.enumerated() {
            tools.append(try ToolDefinition(element, file: name, key: "[\(index)]"))
        }
        return tools
    }
}
