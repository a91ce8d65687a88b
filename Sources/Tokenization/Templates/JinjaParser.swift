/// Parses the tokens of a template.
struct JinjaParser {
    let tokens: [JinjaToken]
    let limits: JinjaLimits
    var position = 0
    /// How many expressions and statements are open.
    private var depth = 0
    /// Whether `break` and `continue` have a loop here.
    var loopDepth = 0
    /// Of each macro that is open, which of the names that stand for more arguments it mentions.
    var mentioned: [Set<String>] = []

    /// - Throws: `syntax`, `unsupported` or `limit`.
    static func statements(
        of template: String, limits: JinjaLimits = JinjaLimits()
    ) throws(JinjaError) -> [JinjaStatement] {
        var parser = JinjaParser(tokens: try JinjaLexer.tokens(of: template, limits: limits), limits: limits)
        return try parser.body(until: [])
    }

    private init(tokens: [JinjaToken], limits: JinjaLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    // MARK: Tokens

    var token: JinjaToken { tokens[position] }
    var line: Int { tokens[position].line }
    /// The token after this one; the last token has itself.
    var following: JinjaToken { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() { if position < tokens.count - 1 { position += 1 } }

    func isSymbol(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }
    func isName(_ name: String) -> Bool { token.kind == .name(name) }

    mutating func skipSymbol(_ symbol: String) -> Bool { skip(.symbol(symbol)) }
    mutating func skipName(_ name: String) -> Bool { skip(.name(name)) }

    mutating func skip(_ kind: JinjaToken.Kind) -> Bool {
        guard token.kind == kind else { return false }
        advance()
        return true
    }

    mutating func expect(_ kind: JinjaToken.Kind) throws(JinjaError) {
        guard skip(kind) else { throw failure("expected \(kind.description), not \(token.kind.description)") }
    }

    mutating func expectName() throws(JinjaError) -> String {
        guard case .name(let name) = token.kind else {
            throw failure("expected a name, not \(token.kind.description)")
        }
        advance()
        return name
    }

    // MARK: Errors

    func failure(_ reason: String) -> JinjaError {
        JinjaError(kind: .syntax, line: line, reason: reason.shortened(to: 1_000))
    }

    func unsupported(_ what: String, line: Int? = nil) -> JinjaError {
        JinjaError(kind: .unsupported, line: line ?? self.line, reason: "\(what.shortened(to: 1_000)) isn't supported")
    }

    /// Counts a level of nesting while something is parsed.
    mutating func nested<Result>(
        _ parse: (inout JinjaParser) throws(JinjaError) -> Result
    ) throws(JinjaError) -> Result {
        guard depth < limits.depth else {
            throw JinjaError(kind: .limit, line: line, reason: "nested deeper than \(limits.depth) levels")
        }
        depth += 1
        defer { depth -= 1 }
        return try parse(&self)
    }
}
