/// A model's call of a function.
public struct ToolCall: Sendable, Equatable {
    /// What the result refers to; nil where nothing is said. Mistral's templates take nine letters and digits.
    public var id: String?
    /// The function's name.
    public var name: String
    /// The arguments: the JSON text of an object, as the model wrote it.
    public var arguments: String

    /// A call.
    ///
    /// - Parameters:
    ///   - id: What the result refers to.
    ///   - name: The function's name.
    ///   - arguments: The JSON text of an object.
    public init(id: String? = nil, name: String, arguments: String) {
        self.id = id
        self.name = name
        self.arguments = arguments
    }

    /// An id for the call with this number in its chat: `call00001`, nine letters and digits, which every published
    /// template takes.
    ///
    /// - Parameter number: How many calls the chat had before.
    public static func identifier(number: Int) -> String {
        let digits = String(number.magnitude % 100_000)
        return "call" + String(repeating: "0", count: 5 - digits.count) + digits
    }
}
