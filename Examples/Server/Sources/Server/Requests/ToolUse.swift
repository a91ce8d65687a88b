import LongLM

/// The functions that the answer to a chat may call, or has to.
struct ToolUse: Sendable {
    /// The most functions.
    static let maximumCount = 128

    let tools: [ToolDefinition]
    let choice: ToolChoice
    /// Whether an answer may have more than one call.
    let takesSeveral: Bool

    /// Reads `tools`, `tool_choice` and `parallel_tool_calls`.
    ///
    /// - Returns: nil if the answer may call nothing.
    static func read(_ fields: inout Fields) throws(APIError) -> ToolUse? {
        let takesSeveral = try fields.bool("parallel_tool_calls") ?? true
        let tools = try tools(&fields)
        guard let choice = try choice(&fields, names: tools.map(\.name)), !tools.isEmpty else { return nil }
        return ToolUse(tools: tools, choice: choice, takesSeveral: takesSeveral)
    }

    private static func tools(_ fields: inout Fields) throws(APIError) -> [ToolDefinition] {
        let list = try fields.list("tools") ?? []
        guard list.count <= maximumCount else {
            throw .invalid("tools has more than \(maximumCount) functions.", field: "tools")
        }
        var tools: [ToolDefinition] = []
        for (name, value) in list {
            let tool: ToolDefinition
            do {
                tool = try ToolDefinition(value, file: "The request", key: name)
            } catch { throw .invalid("\(error).", field: name) }
            // A call may spell the name outside of JSON, where other characters could form control tokens.
            guard 1...128 ~= tool.name.utf8.count, tool.name.utf8.allSatisfy(isNameByte) else {
                throw .invalid(
                    "\(name).function.name is not 1 to 128 letters, digits, _, - and points.",
                    field: name + ".function.name")
            }
            guard !tools.contains(where: { $0.name == tool.name }) else {
                throw .invalid("tools has two functions \(tool.name).", field: name + ".function.name")
            }
            tools.append(tool)
        }
        return tools
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// nil: none is called.
    private static func choice(_ fields: inout Fields, names: [String]) throws(APIError) -> ToolChoice? {
        let name: String
        switch fields.value("tool_choice") {
        case nil, "auto": return .automatic
        case "none": return nil
        case "required":
            if names.isEmpty {
                throw .invalid("tool_choice is required, but there are no tools.", field: "tool_choice")
            }
            // A function that is the only one is as good as named.
            return names.count == 1 ? .named(names[0]) : .required
        case let value?:
            guard case .object = value, value["type"]?.string == "function",
                let function = value["function"]?["name"]?.string
            else {
                throw .invalid(
                    "tool_choice is none of auto, none, required and the object of a function.", field: "tool_choice")
            }
            name = function
        }
        guard names.contains(name) else {
            throw .invalid("tool_choice names \(name), which isn't among the tools.", field: "tool_choice")
        }
        return .named(name)
    }
}
