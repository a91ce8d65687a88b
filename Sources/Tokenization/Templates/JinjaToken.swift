/// A token of a template.
struct JinjaToken: Sendable {
    enum Kind: Equatable, Sendable {
        /// Text between tags.
        case text(String)
        /// `{{` and `}}`.
        case outputBegin, outputEnd
        /// `{%` and `%}`.
        case statementBegin, statementEnd
        case name(String)
        case string(String)
        case integer(Int)
        case float(Double)
        /// `+`, `**`, `[` and so on.
        case symbol(String)
        case end
    }

    let kind: Kind
    /// From 1.
    let line: Int
}

extension JinjaToken.Kind {
    /// What errors call it.
    var description: String {
        switch self {
        case .text: "text"
        case .outputBegin: "{{"
        case .outputEnd: "}}"
        case .statementBegin: "{%"
        case .statementEnd: "%}"
        case .name(let name): name
        case .string: "a string"
        case .integer(let integer): String(integer)
        case .float(let float): String(float)
        case .symbol(let symbol): symbol
        case .end: "the end of the template"
        }
    }
}
