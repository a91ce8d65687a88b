internal import StrictJSON

/// Reads the JSON of calls.
struct ToolCallReader {
    let keys: ToolCallForm.Keys
    /// Whether each object must have arguments and no other keys than a call has. It tells a call from an answer that is
    /// JSON where no mark does.
    let isStrict: Bool

    /// The calls in the text of an object, or of an array of objects; nil where it holds anything else.
    func calls(_ bytes: [UInt8], isArray: Bool) -> [ToolCall]? {
        let calls = bytes.withUnsafeBytes { buffer in
            do throws(Refusal) { return try self.calls(buffer, isArray) } catch { return [] }
        }
        return calls.isEmpty ? nil : calls
    }

    private func calls(_ buffer: UnsafeRawBufferPointer, _ isArray: Bool) throws(Refusal) -> [ToolCall] {
        var reader = try Refusal.instead { () throws(JSONError) in try JSONReader(buffer) }
        var calls: [ToolCall] = []
        if isArray {
            try reader.array(Refusal.init) { (reader) throws(Refusal) in calls.append(try call(&reader, buffer)) }
        } else {
            calls.append(try call(&reader, buffer))
        }
        try Refusal.instead { () throws(JSONError) in try reader.expectEnd() }
        return calls
    }

    /// The arguments of a call: the text of an object, of values that templates can use; nil for anything else.
    static func arguments(_ text: String) -> String? {
        guard case .object? = try? TemplateValue(json: Array(text.utf8), name: "arguments") else { return nil }
        return text
    }

    /// That a text holds no call.
    private struct Refusal: Error {
        init() {}
        init(_: JSONError) {}

        /// Makes a refusal of an error of reading JSON.
        static func instead<Value>(_ body: () throws(JSONError) -> Value) throws(Refusal) -> Value {
            do throws(JSONError) { return try body() } catch { throw Refusal() }
        }
    }

    private func call(
        _ reader: inout JSONReader, _ buffer: UnsafeRawBufferPointer
    ) throws(Refusal) -> ToolCall {
        var (name, arguments, id): (String?, String?, String?)
        try reader.object(Refusal.init) { (reader, key) throws(Refusal) in
            let start = reader.offset
            try Refusal.instead { () throws(JSONError) in try reader.skipValue() }
            let value = String(decoding: buffer[start..<reader.offset].drop(while: \.isJSONSpace), as: UTF8.self)
            switch key {
            case keys.name:
                guard let text = Self.string(value), !text.isEmpty else { throw Refusal() }
                name = text
            case keys.arguments:
                // Some models write the object as a text, as OpenAI's interface does.
                guard let text = Self.arguments(Self.string(value) ?? value) else { throw Refusal() }
                arguments = text
            case keys.identifier, "id": id = Self.string(value)
            case "type" where Self.string(value) == "function": break
            default: if isStrict { throw Refusal() }
            }
        }
        guard let name, arguments != nil || !isStrict else { throw Refusal() }
        return ToolCall(id: id, name: name, arguments: arguments ?? "{}")
    }

    /// The text that a JSON string spells; nil for any other value.
    private static func string(_ json: String) -> String? {
        try? JSONValue(parsing: Array(json.utf8)).string
    }
}
