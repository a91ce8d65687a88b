/// Statements.
extension JinjaParser {
    /// Parses text, outputs and statements.
    ///
    /// - Parameter ends: the statements that end the body. The parser stops at the name of one.
    mutating func body(until ends: [String]) throws(JinjaError) -> [JinjaStatement] {
        try nested { parser throws(JinjaError) in try parser.unguardedBody(until: ends) }
    }

    private mutating func unguardedBody(until ends: [String]) throws(JinjaError) -> [JinjaStatement] {
        var statements: [JinjaStatement] = []
        while true {
            switch token.kind {
            case .text(let text):
                advance()
                statements.append(.text(JinjaText(text)))
            case .outputBegin:
                advance()
                statements.append(.output(try tuple()))
                try expect(.outputEnd)
            case .statementBegin:
                advance()
                if case .name(let name) = token.kind, ends.contains(name) { return statements }
                statements.append(try statement())
                try expect(.statementEnd)
            default:
                guard ends.isEmpty, token.kind == .end else {
                    let missing = ends.last.map { "{% \($0) %} is missing" } ?? "unexpected \(token.kind.description)"
                    throw failure(missing)
                }
                return statements
            }
        }
    }

    /// Parses the body of a statement, from the end of its opening tag to the name that ends it.
    private mutating func block(until ends: String...) throws(JinjaError) -> [JinjaStatement] {
        // Jinja allows a colon, as Python has it.
        _ = skipSymbol(":")
        try expect(.statementEnd)
        return try body(until: ends)
    }

    private mutating func statement() throws(JinjaError) -> JinjaStatement {
        let line = line
        let name = try expectName()
        switch name {
        case "set": return try set()
        case "for": return try loop(line)
        case "if": return try choice()
        case "macro": return .macro(try macro(line))
        case "call": return try call(line)
        case "filter":
            let filters = try filterLinks(isInline: true)
            let body = try block(until: "endfilter")
            advance()
            return .filter(filters, body)
        case "with": return try with()
        case "generation":
            let body = try outsideLoops { parser throws(JinjaError) in try parser.block(until: "endgeneration") }
            advance()
            return .generation(body)
        case "print": return .output(try tuple())
        case "break", "continue":
            guard loopDepth > 0 else { throw failure("{% \(name) %} stands outside of a loop") }
            return name == "break" ? .breakLoop : .continueLoop
        case "include", "import", "from", "extends", "block", "autoescape", "do", "trans", "debug":
            throw unsupported("{% \(name) %}", line: line)
        default: throw failure("unexpected {% \(name) %}")
        }
    }

    private mutating func set() throws(JinjaError) -> JinjaStatement {
        let target = try target(until: nil, allowsAttributes: true)
        if skipSymbol("=") { return .set(target, try tuple()) }
        let filters = try filterLinks(isInline: false)
        let body = try block(until: "endset")
        advance()
        return .setBlock(target, filters: filters, body)
    }

    private mutating func loop(_ line: Int) throws(JinjaError) -> JinjaStatement {
        let target = try target(until: "in", allowsAttributes: false)
        try expect(.name("in"))
        let elements = try tuple(allowsChoice: false, until: "recursive")
        let condition = try skipName("if") ? expression() : nil
        if isName("recursive") { throw unsupported("a recursive loop") }
        loopDepth += 1
        let body = try block(until: "endfor", "else")
        loopDepth -= 1
        var otherwise: [JinjaStatement] = []
        if skipName("else") { otherwise = try block(until: "endfor") }
        advance()
        return .loop(
            JinjaLoop(
                target: target, elements: elements, condition: condition, body: body, otherwise: otherwise, line: line))
    }

    private mutating func choice() throws(JinjaError) -> JinjaStatement {
        var branches: [(condition: JinjaExpression, body: [JinjaStatement])] = []
        repeat {
            let condition = try tuple(allowsChoice: false)
            branches.append((condition, try block(until: "elif", "else", "endif")))
        } while skipName("elif")
        let otherwise = try skipName("else") ? block(until: "endif") : []
        advance()
        return .choice(branches, otherwise: otherwise)
    }

    private mutating func with() throws(JinjaError) -> JinjaStatement {
        var values: [(target: JinjaTarget, value: JinjaExpression)] = []
        while token.kind != .statementEnd {
            if !values.isEmpty { try expect(.symbol(",")) }
            let target = try target(until: nil, allowsAttributes: false)
            try expect(.symbol("="))
            values.append((target, try expression()))
        }
        let body = try block(until: "endwith")
        advance()
        return .with(values, body)
    }
}

// MARK: - Macros

extension JinjaParser {
    private mutating func macro(_ line: Int) throws(JinjaError) -> JinjaMacroDefinition {
        let name = try expectName()
        return try definition(name: name, parameters: try parameters(), line: line, end: "endmacro")
    }

    private mutating func call(_ line: Int) throws(JinjaError) -> JinjaStatement {
        let parameters = try isSymbol("(") ? parameters() : []
        let call = try expression()
        guard case .chain(_, let links) = call.kind, case .call? = links.last?.kind else {
            throw failure("{% call %} needs the call of a macro")
        }
        return .call(
            call, caller: try definition(name: "caller", parameters: parameters, line: line, end: "endcall"))
    }

    private mutating func definition(
        name: String, parameters: [(name: String, standard: JinjaExpression?)], line: Int, end: String
    ) throws(JinjaError) -> JinjaMacroDefinition {
        mentioned.append([])
        let body = try outsideLoops { parser throws(JinjaError) in try parser.block(until: end) }
        advance()
        let names = mentioned.removeLast()
        // What an inner macro mentions counts for the outer one too, as in Jinja.
        if !mentioned.isEmpty { mentioned[mentioned.count - 1].formUnion(names) }
        return JinjaMacroDefinition(
            name: name, parameters: parameters, body: body, takesCaller: names.contains("caller"),
            takesMorePositional: names.contains("varargs"), takesMoreNamed: names.contains("kwargs"), line: line)
    }

    private mutating func parameters() throws(JinjaError) -> [(name: String, standard: JinjaExpression?)] {
        try expect(.symbol("("))
        var parameters: [(name: String, standard: JinjaExpression?)] = []
        var names: Set<String> = []
        while !isSymbol(")") {
            if !parameters.isEmpty { try expect(.symbol(",")) }
            let name = try assignableName()
            guard names.insert(name).inserted else { throw failure("two parameters \(name)") }
            let standard = try skipSymbol("=") ? expression() : nil
            if standard == nil, parameters.last?.standard != nil {
                throw failure("a parameter without a default follows one that has one")
            }
            parameters.append((name, standard))
        }
        try expect(.symbol(")"))
        return parameters
    }

    /// Parses what is compiled to a function of its own: no loop around it can be left from within.
    private mutating func outsideLoops(
        _ parse: (inout JinjaParser) throws(JinjaError) -> [JinjaStatement]
    ) throws(JinjaError) -> [JinjaStatement] {
        let outer = loopDepth
        loopDepth = 0
        defer { loopDepth = outer }
        return try parse(&self)
    }
}

// MARK: - Targets

extension JinjaParser {
    /// Parses what is assigned to: a name, an attribute, or several names with commas between them.
    private mutating func target(until end: String?, allowsAttributes: Bool) throws(JinjaError) -> JinjaTarget {
        var targets: [JinjaTarget] = []
        var isTuple = false
        while true {
            if isTuple, isTargetEnd(end) { break }
            targets.append(try simpleTarget(allowsAttributes))
            guard skipSymbol(",") else { break }
            isTuple = true
        }
        return isTuple ? .tuple(targets) : targets[0]
    }

    private func isTargetEnd(_ end: String?) -> Bool {
        token.kind == .statementEnd || isSymbol(")") || isSymbol("=") || end.map(isName) == true
    }

    private mutating func simpleTarget(_ allowsAttributes: Bool) throws(JinjaError) -> JinjaTarget {
        if skipSymbol("(") {
            let targets = try nested { parser throws(JinjaError) in
                try parser.target(until: nil, allowsAttributes: allowsAttributes)
            }
            try expect(.symbol(")"))
            return targets
        }
        let name = try assignableName()
        guard allowsAttributes, skipSymbol(".") else { return .name(name) }
        return .attribute(try expectName(), of: name)
    }

    private mutating func assignableName() throws(JinjaError) -> String {
        let name = try expectName()
        if ["true", "false", "none", "True", "False", "None"].contains(name) {
            throw failure("\(name) can't be assigned to")
        }
        return name
    }
}
