/// Expressions, from the loosest operator to the tightest.
extension JinjaParser {
    mutating func expression(allowsChoice: Bool = true) throws(JinjaError) -> JinjaExpression {
        try nested { parser throws(JinjaError) in
            try allowsChoice ? parser.choiceExpression() : parser.anyExpression()
        }
    }

    /// Parses an expression, or several with commas between them, which are a tuple.
    ///
    /// - Parameters:
    ///   - until: a name that ends it.
    ///   - isInParentheses: whether it may be empty.
    mutating func tuple(
        allowsChoice: Bool = true, until end: String? = nil, isInParentheses: Bool = false
    ) throws(JinjaError) -> JinjaExpression {
        let line = line
        var elements: [JinjaExpression] = []
        var isTuple = false
        while !isTupleEnd(end) {
            elements.append(try expression(allowsChoice: allowsChoice))
            guard skipSymbol(",") else { break }
            isTuple = true
        }
        if !isTuple {
            if let element = elements.first { return element }
            guard isInParentheses else { throw failure("expected an expression, not \(token.kind.description)") }
        }
        return JinjaExpression(kind: .tuple(elements), line: line)
    }

    private func isTupleEnd(_ end: String?) -> Bool {
        token.kind == .outputEnd || token.kind == .statementEnd || isSymbol(")") || end.map(isName) == true
    }

    private mutating func choiceExpression() throws(JinjaError) -> JinjaExpression {
        let line = line
        var value = try anyExpression()
        var count = 0
        while skipName("if") {
            // Each makes the tree one level deeper.
            count += 1
            guard count < limits.depth / 2 else { throw failure("too many conditions in a row") }
            let condition = try anyExpression()
            let otherwise = try skipName("else") ? expression() : nil
            value = JinjaExpression(
                kind: .choice(then: value, condition: condition, otherwise: otherwise), line: line)
        }
        return value
    }

    private mutating func anyExpression() throws(JinjaError) -> JinjaExpression {
        let line = line
        var operands = [try allExpression()]
        while skipName("or") { operands.append(try allExpression()) }
        return operands.count == 1 ? operands[0] : JinjaExpression(kind: .any(operands), line: line)
    }

    private mutating func allExpression() throws(JinjaError) -> JinjaExpression {
        let line = line
        var operands = [try notExpression()]
        while skipName("and") { operands.append(try notExpression()) }
        return operands.count == 1 ? operands[0] : JinjaExpression(kind: .all(operands), line: line)
    }

    private mutating func notExpression() throws(JinjaError) -> JinjaExpression {
        let line = line
        guard skipName("not") else { return try comparison() }
        let operand = try nested { parser throws(JinjaError) in try parser.notExpression() }
        return JinjaExpression(kind: .not(operand), line: line)
    }

    private mutating func comparison() throws(JinjaError) -> JinjaExpression {
        let line = line
        let first = try sum()
        var rest: [(comparison: JinjaComparison, operand: JinjaExpression)] = []
        while true {
            if case .symbol(let symbol) = token.kind, let comparison = JinjaComparison(rawValue: symbol) {
                advance()
                rest.append((comparison, try sum()))
            } else if skipName("in") {
                rest.append((.isIn, try sum()))
            } else if isName("not"), following.kind == .name("in") {
                advance()
                advance()
                rest.append((.isNotIn, try sum()))
            } else {
                break
            }
        }
        return rest.isEmpty ? first : JinjaExpression(kind: .comparison(first, rest), line: line)
    }

    private mutating func sum() throws(JinjaError) -> JinjaExpression {
        let line = line
        let first = try concatenation()
        var rest: [(operation: JinjaOperation, operand: JinjaExpression)] = []
        while let operation = skipOperation([.add, .subtract]) { rest.append((operation, try concatenation())) }
        return rest.isEmpty ? first : JinjaExpression(kind: .arithmetic(first, rest), line: line)
    }

    private mutating func concatenation() throws(JinjaError) -> JinjaExpression {
        let line = line
        var operands = [try product()]
        while skipSymbol("~") { operands.append(try product()) }
        return operands.count == 1 ? operands[0] : JinjaExpression(kind: .concatenation(operands), line: line)
    }

    private mutating func product() throws(JinjaError) -> JinjaExpression {
        let line = line
        let first = try power()
        var rest: [(operation: JinjaOperation, operand: JinjaExpression)] = []
        while let operation = skipOperation([.multiply, .divide, .floorDivide, .remainder]) {
            rest.append((operation, try power()))
        }
        return rest.isEmpty ? first : JinjaExpression(kind: .arithmetic(first, rest), line: line)
    }

    private mutating func power() throws(JinjaError) -> JinjaExpression {
        let line = line
        let first = try unary()
        var rest: [(operation: JinjaOperation, operand: JinjaExpression)] = []
        while skipSymbol("**") { rest.append((.power, try unary())) }
        return rest.isEmpty ? first : JinjaExpression(kind: .arithmetic(first, rest), line: line)
    }

    private mutating func skipOperation(_ operations: [JinjaOperation]) -> JinjaOperation? {
        guard case .symbol(let symbol) = token.kind, let operation = JinjaOperation(rawValue: symbol),
            operations.contains(operation)
        else { return nil }
        advance()
        return operation
    }

    private mutating func unary(withFilters: Bool = true) throws(JinjaError) -> JinjaExpression {
        let line = line
        var value: JinjaExpression
        if isSymbol("-") || isSymbol("+") {
            let isNegative = isSymbol("-")
            advance()
            let operand = try nested { parser throws(JinjaError) in try parser.unary(withFilters: false) }
            value = JinjaExpression(kind: .sign(isNegative: isNegative, operand), line: line)
        } else {
            value = try primary()
        }
        var links = try postfixLinks()
        if withFilters {
            while true {
                if isSymbol("|") {
                    links += try filterLinks(isInline: false)
                } else if isName("is") {
                    links.append(try test())
                } else if isSymbol("(") {
                    links.append(JinjaLink(kind: .call(try arguments()), line: line))
                } else {
                    break
                }
            }
        }
        if !links.isEmpty { value = JinjaExpression(kind: .chain(value, links), line: line) }
        return value
    }

    private mutating func primary() throws(JinjaError) -> JinjaExpression {
        let line = line
        switch token.kind {
        case .name(let name):
            advance()
            return JinjaExpression(kind: literal(name) ?? variable(name), line: line)
        case .string(var text):
            advance()
            while case .string(let more) = token.kind {
                text.unicodeScalars.append(contentsOf: more.unicodeScalars)
                advance()
            }
            return JinjaExpression(kind: .string(JinjaText(text)), line: line)
        case .integer(let integer):
            advance()
            return JinjaExpression(kind: .integer(integer), line: line)
        case .float(let float):
            advance()
            return JinjaExpression(kind: .float(float), line: line)
        case .symbol("("):
            advance()
            let value = try tuple(isInParentheses: true)
            try expect(.symbol(")"))
            return value
        case .symbol("["): return try list()
        case .symbol("{"): return try dictionary()
        default: throw failure("unexpected \(token.kind.description)")
        }
    }

    private func literal(_ name: String) -> JinjaExpression.Kind? {
        switch name {
        case "true", "True": .bool(true)
        case "false", "False": .bool(false)
        case "none", "None": JinjaExpression.Kind.null
        default: nil
        }
    }

    private mutating func variable(_ name: String) -> JinjaExpression.Kind {
        if !mentioned.isEmpty, ["caller", "varargs", "kwargs"].contains(name) {
            mentioned[mentioned.count - 1].insert(name)
        }
        return .name(name)
    }

    private mutating func list() throws(JinjaError) -> JinjaExpression {
        let line = line
        advance()
        var elements: [JinjaExpression] = []
        while !isSymbol("]") {
            if !elements.isEmpty { try expect(.symbol(",")) }
            if isSymbol("]") { break }
            elements.append(try expression())
        }
        try expect(.symbol("]"))
        return JinjaExpression(kind: .list(elements), line: line)
    }

    private mutating func dictionary() throws(JinjaError) -> JinjaExpression {
        let line = line
        advance()
        var pairs: [(key: JinjaExpression, value: JinjaExpression)] = []
        while !isSymbol("}") {
            if !pairs.isEmpty { try expect(.symbol(",")) }
            if isSymbol("}") { break }
            let key = try expression()
            try expect(.symbol(":"))
            pairs.append((key, try expression()))
        }
        try expect(.symbol("}"))
        return JinjaExpression(kind: .dictionary(pairs), line: line)
    }
}

// MARK: - What follows a value

extension JinjaParser {
    private mutating func postfixLinks() throws(JinjaError) -> [JinjaLink] {
        var links: [JinjaLink] = []
        while true {
            let line = line
            if skipSymbol(".") {
                switch token.kind {
                case .name(let name): links.append(JinjaLink(kind: .attribute(name), line: line))
                case .integer(let index):
                    let expression = JinjaExpression(kind: .integer(index), line: line)
                    links.append(JinjaLink(kind: .item(expression), line: line))
                default: throw failure("expected a name or a number, not \(token.kind.description)")
                }
                advance()
            } else if skipSymbol("[") {
                links.append(JinjaLink(kind: try subscripted(), line: line))
                try expect(.symbol("]"))
            } else if isSymbol("(") {
                links.append(JinjaLink(kind: .call(try arguments()), line: line))
            } else {
                return links
            }
        }
    }

    private mutating func subscripted() throws(JinjaError) -> JinjaLink.Kind {
        // Jinja takes no index for an empty tuple.
        if isSymbol("]") { return .item(JinjaExpression(kind: .tuple([]), line: line)) }
        let start = try isSymbol(":") ? nil : expression()
        guard skipSymbol(":") else {
            guard let start else { throw failure("expected an index") }
            guard isSymbol(",") else { return .item(start) }
            var elements = [start]
            while skipSymbol(",") { elements.append(try expression()) }
            return .item(JinjaExpression(kind: .tuple(elements), line: start.line))
        }
        let end = try isSymbol(":") || isSymbol("]") ? nil : expression()
        let step = try skipSymbol(":") && !isSymbol("]") ? expression() : nil
        if isSymbol(",") { throw unsupported("a slice in a tuple") }
        return .slice(start: start, end: end, step: step)
    }

    private mutating func arguments() throws(JinjaError) -> JinjaCallArguments {
        try expect(.symbol("("))
        var arguments = JinjaCallArguments()
        var names: Set<String> = []
        while !isSymbol(")") {
            if !arguments.isEmpty {
                try expect(.symbol(","))
                if isSymbol(")") { break }
            }
            if skipSymbol("*") {
                guard arguments.spread == nil, arguments.namedSpread == nil else { throw failure("two * in a call") }
                arguments.spread = try expression()
            } else if skipSymbol("**") {
                guard arguments.namedSpread == nil else { throw failure("two ** in a call") }
                arguments.namedSpread = try expression()
            } else if case .name(let name) = token.kind, following.kind == .symbol("=") {
                guard arguments.namedSpread == nil else { throw failure("an argument follows **") }
                guard names.insert(name).inserted else { throw failure("two arguments \(name)") }
                advance()
                advance()
                arguments.named.append((name, try expression()))
            } else {
                guard arguments.named.isEmpty, arguments.spread == nil, arguments.namedSpread == nil else {
                    throw failure("an argument without a name follows one that has one")
                }
                arguments.positional.append(try expression())
            }
        }
        try expect(.symbol(")"))
        return arguments
    }

    /// Parses filters.
    ///
    /// - Parameter isInline: whether the first has no `|` before it.
    mutating func filterLinks(isInline: Bool) throws(JinjaError) -> [JinjaLink] {
        var links: [JinjaLink] = []
        while links.isEmpty && isInline || skipSymbol("|") {
            let line = line
            let name = try dottedName()
            if JinjaFilters.unsupported.contains(name) { throw unsupported("the filter \(name)", line: line) }
            let arguments = try isSymbol("(") ? arguments() : JinjaCallArguments()
            links.append(JinjaLink(kind: .filter(name, arguments), line: line))
        }
        return links
    }

    private mutating func dottedName() throws(JinjaError) -> String {
        var name = try expectName()
        while skipSymbol(".") { name += "." + (try expectName()) }
        return name
    }

    private mutating func test() throws(JinjaError) -> JinjaLink {
        let line = line
        advance()
        let isNegated = skipName("not")
        let name = try dottedName()
        var arguments = JinjaCallArguments()
        if isSymbol("(") {
            arguments = try self.arguments()
        } else if beginsOperand {
            if isName("is") { throw failure("two tests in a row") }
            let operand = try nested { parser throws(JinjaError) in
                let value = try parser.primary()
                let links = try parser.postfixLinks()
                return links.isEmpty ? value : JinjaExpression(kind: .chain(value, links), line: line)
            }
            arguments.positional = [operand]
        }
        return JinjaLink(kind: .test(name, arguments, isNegated: isNegated), line: line)
    }

    /// Whether a test's operand without parentheses begins here.
    private var beginsOperand: Bool {
        switch token.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol("["), .symbol("{"): true
        default: false
        }
    }
}
