/// An option whose value can't be used.
public struct InvalidOption: Error, Equatable, Sendable, CustomStringConvertible {
    /// The option, in words: `temperature`, or `number of threads`.
    public let name: String
    /// The value that it was given.
    public let value: String
    /// What is allowed, as in "it must be …": `more than 0`.
    public let allowed: String

    /// An option, its value, and what is allowed instead.
    public init(_ name: String, _ value: some CustomStringConvertible, allowed: String) {
        self.name = name
        self.value = value.description
        self.allowed = allowed
    }

    /// An option that must lie in a range.
    init(_ name: String, _ value: some CustomStringConvertible, between lowest: Int, and highest: Int) {
        self.init(name, value, allowed: "between \(lowest) and \(highest)")
    }

    /// One line for a person to read.
    public var description: String { "the \(name) is \(value); it must be \(allowed)" }
}
