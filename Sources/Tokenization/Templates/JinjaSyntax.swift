/// An expression of a template.
///
/// Operators of one precedence stand in one list, not in a chain of pairs: a long sum isn't a deep tree.
struct JinjaExpression: Sendable {
    indirect enum Kind: Sendable {
        case null
        case bool(Bool)
        case integer(Int)
        case float(Double)
        case string(JinjaText)
        case name(String)
        case list([JinjaExpression])
        case tuple([JinjaExpression])
        case dictionary([(key: JinjaExpression, value: JinjaExpression)])
        /// Operands of `~`.
        case concatenation([JinjaExpression])
        /// Operators of one precedence, from left to right.
        case arithmetic(JinjaExpression, [(operation: JinjaOperation, operand: JinjaExpression)])
        case sign(isNegative: Bool, JinjaExpression)
        case not(JinjaExpression)
        case all([JinjaExpression])
        case any([JinjaExpression])
        /// `a < b < c` compares neighbours, as Python does.
        case comparison(JinjaExpression, [(comparison: JinjaComparison, operand: JinjaExpression)])
        case choice(then: JinjaExpression, condition: JinjaExpression, otherwise: JinjaExpression?)
        /// A value, and what is done to it from left to right.
        case chain(JinjaExpression, [JinjaLink])
    }

    let kind: Kind
    let line: Int
}

enum JinjaOperation: String, Sendable {
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case floorDivide = "//"
    case remainder = "%"
    case power = "**"
}

enum JinjaComparison: String, Sendable {
    case equal = "=="
    case notEqual = "!="
    case less = "<"
    case lessOrEqual = "<="
    case greater = ">"
    case greaterOrEqual = ">="
    case isIn = "in"
    case isNotIn = "not in"
}

/// What follows a value.
struct JinjaLink: Sendable {
    indirect enum Kind: Sendable {
        case attribute(String)
        case item(JinjaExpression)
        case slice(start: JinjaExpression?, end: JinjaExpression?, step: JinjaExpression?)
        case call(JinjaCallArguments)
        case filter(String, JinjaCallArguments)
        case test(String, JinjaCallArguments, isNegated: Bool)
    }

    let kind: Kind
    let line: Int
}

struct JinjaCallArguments: Sendable {
    var positional: [JinjaExpression] = []
    var named: [(name: String, value: JinjaExpression)] = []
    /// What `*` and `**` spread.
    var spread: JinjaExpression?
    var namedSpread: JinjaExpression?

    var isEmpty: Bool { positional.isEmpty && named.isEmpty && spread == nil && namedSpread == nil }
}

/// What a value is assigned to.
indirect enum JinjaTarget: Sendable {
    case name(String)
    /// An attribute of a namespace.
    case attribute(String, of: String)
    case tuple([JinjaTarget])
}

struct JinjaMacroDefinition: Sendable {
    let name: String
    let parameters: [(name: String, standard: JinjaExpression?)]
    let body: [JinjaStatement]
    /// Which of `caller`, `varargs` and `kwargs` the body mentions.
    let takesCaller: Bool
    let takesMorePositional: Bool
    let takesMoreNamed: Bool
    let line: Int
}

struct JinjaLoop: Sendable {
    let target: JinjaTarget
    let elements: JinjaExpression
    let condition: JinjaExpression?
    let body: [JinjaStatement]
    let otherwise: [JinjaStatement]
    let line: Int
}

indirect enum JinjaStatement: Sendable {
    case text(JinjaText)
    case output(JinjaExpression)
    case set(JinjaTarget, JinjaExpression)
    case setBlock(JinjaTarget, filters: [JinjaLink], [JinjaStatement])
    case loop(JinjaLoop)
    case choice([(condition: JinjaExpression, body: [JinjaStatement])], otherwise: [JinjaStatement])
    case macro(JinjaMacroDefinition)
    /// A macro call to which the body is passed as `caller`.
    case call(JinjaExpression, caller: JinjaMacroDefinition)
    case filter([JinjaLink], [JinjaStatement])
    case with([(target: JinjaTarget, value: JinjaExpression)], [JinjaStatement])
    /// transformers' mark of what the assistant says; it changes nothing in the text.
    case generation([JinjaStatement])
    case breakLoop
    case continueLoop
}
