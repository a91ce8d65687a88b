/// Expressions.
extension JinjaInterpreter {
    /// The value of an expression.
    ///
    /// - Parameter caller: what the last call of the expression gets as `caller`.
    func evaluate(
        _ expression: JinjaExpression, _ scope: JinjaScope, caller: JinjaValue? = nil
    ) throws(JinjaError) -> JinjaValue {
        try step()
        line = expression.line
        switch expression.kind {
        case .null: return .null
        case .bool(let bool): return .bool(bool)
        case .integer(let integer): return .integer(integer)
        case .float(let float): return .float(float)
        case .string(let text): return .text(text)
        case .name(let name):
            try step(scope.level / 8)
            return scope.value(of: name) ?? .undefined("\(name.shortened(to: 60)) is undefined")
        default: return try nested { () throws(JinjaError) in try evaluateCompound(expression, scope, caller) }
        }
    }

    private func evaluateCompound(
        _ expression: JinjaExpression, _ scope: JinjaScope, _ caller: JinjaValue?
    ) throws(JinjaError) -> JinjaValue {
        switch expression.kind {
        case .list(let elements): return try list(try evaluateAll(elements, scope))
        case .tuple(let elements): return try tuple(try evaluateAll(elements, scope))
        case .dictionary(let pairs): return try evaluateDictionary(pairs, scope)
        case .concatenation(let operands): return try concatenate(operands, scope)
        case .arithmetic(let first, let rest): return try evaluateArithmetic(first, rest, scope)
        case .sign(let isNegative, let operand): return try signed(try evaluate(operand, scope), isNegative)
        case .not(let operand): return .bool(!(try evaluate(operand, scope).isTrue))
        case .all(let operands): return try evaluateUntil(operands, false, scope)
        case .any(let operands): return try evaluateUntil(operands, true, scope)
        case .comparison(let first, let rest): return try evaluateComparison(first, rest, scope)
        case .choice(let then, let condition, let otherwise):
            if try evaluate(condition, scope).isTrue { return try evaluate(then, scope) }
            if let otherwise { return try evaluate(otherwise, scope) }
            return .undefined("the condition is false, and there is no else")
        case .chain(let first, let links):
            return try evaluateChain(try evaluate(first, scope), links, scope, caller)
        case .null, .bool, .integer, .float, .string, .name: return try evaluate(expression, scope)
        }
    }

    private func evaluateAll(_ expressions: [JinjaExpression], _ scope: JinjaScope) throws(JinjaError) -> [JinjaValue] {
        var values: [JinjaValue] = []
        values.reserveCapacity(expressions.count)
        for expression in expressions { values.append(try evaluate(expression, scope)) }
        return values
    }

    private func evaluateDictionary(
        _ pairs: [(key: JinjaExpression, value: JinjaExpression)], _ scope: JinjaScope
    ) throws(JinjaError) -> JinjaValue {
        var values: [(key: JinjaValue, value: JinjaValue)] = []
        for pair in pairs { values.append((try evaluate(pair.key, scope), try evaluate(pair.value, scope))) }
        return try dictionary(values)
    }

    private func concatenate(_ operands: [JinjaExpression], _ scope: JinjaScope) throws(JinjaError) -> JinjaValue {
        var result = JinjaText()
        for operand in operands {
            let text = try text(of: try evaluate(operand, scope))
            try make(text.size)
            result.append(text)
        }
        return .text(result)
    }

    private func evaluateArithmetic(
        _ first: JinjaExpression, _ rest: [(operation: JinjaOperation, operand: JinjaExpression)],
        _ scope: JinjaScope
    ) throws(JinjaError) -> JinjaValue {
        var result = try evaluate(first, scope)
        for (operation, operand) in rest {
            let value = try evaluate(operand, scope)
            line = operand.line
            result = try calculate(result, operation, value)
        }
        return result
    }

    /// The first value that is true or false, or else the last one.
    private func evaluateUntil(
        _ operands: [JinjaExpression], _ truth: Bool, _ scope: JinjaScope
    ) throws(JinjaError) -> JinjaValue {
        var value = JinjaValue.null
        for operand in operands {
            value = try evaluate(operand, scope)
            if value.isTrue == truth { break }
        }
        return value
    }

    private func evaluateComparison(
        _ first: JinjaExpression, _ rest: [(comparison: JinjaComparison, operand: JinjaExpression)],
        _ scope: JinjaScope
    ) throws(JinjaError) -> JinjaValue {
        var left = try evaluate(first, scope)
        for (comparison, operand) in rest {
            let right = try evaluate(operand, scope)
            line = operand.line
            guard try compare(left, comparison, right) else { return .bool(false) }
            left = right
        }
        return .bool(true)
    }

    // MARK: Chains

    private func evaluateChain(
        _ first: JinjaValue, _ links: [JinjaLink], _ scope: JinjaScope, _ caller: JinjaValue?
    ) throws(JinjaError) -> JinjaValue {
        var value = first
        for (index, link) in links.enumerated() {
            value = try follow(link, from: value, scope, caller: index == links.count - 1 ? caller : nil)
        }
        return value
    }

    /// Applies the filters of a block.
    func apply(_ filters: [JinjaLink], to value: JinjaValue, _ scope: JinjaScope) throws(JinjaError) -> JinjaValue {
        try evaluateChain(value, filters, scope, nil)
    }

    private func follow(
        _ link: JinjaLink, from value: JinjaValue, _ scope: JinjaScope, caller: JinjaValue?
    ) throws(JinjaError) -> JinjaValue {
        try step()
        switch link.kind {
        case .attribute(let name):
            line = link.line
            return try attribute(name, of: value)
        case .item(let index):
            let index = try evaluate(index, scope)
            line = link.line
            return try item(index, of: value)
        case .slice(let start, let end, let step):
            let bounds = (try bound(start, scope), try bound(end, scope), try bound(step, scope))
            line = link.line
            return try slice(value, bounds)
        case .call(let arguments):
            var arguments = try evaluate(arguments, scope)
            if let caller {
                guard !arguments.named.contains(where: { $0.name == "caller" }) else {
                    throw failure("two arguments caller")
                }
                arguments.named.append(("caller", caller))
            }
            line = link.line
            return try call(value, arguments)
        case .filter(let name, let arguments):
            let arguments = try evaluate(arguments, scope)
            line = link.line
            return try filter(name, value, arguments)
        case .test(let name, let arguments, let isNegated):
            let arguments = try evaluate(arguments, scope)
            line = link.line
            return .bool(try test(name, value, arguments) != isNegated)
        }
    }

    private func bound(_ expression: JinjaExpression?, _ scope: JinjaScope) throws(JinjaError) -> JinjaValue {
        guard let expression else { return .null }
        return try evaluate(expression, scope)
    }

    private func evaluate(
        _ arguments: JinjaCallArguments, _ scope: JinjaScope
    ) throws(JinjaError) -> JinjaArguments {
        var result = JinjaArguments()
        result.positional = try evaluateAll(arguments.positional, scope)
        for (name, value) in arguments.named { result.named.append((name, try evaluate(value, scope))) }
        if let spread = arguments.spread {
            result.positional += try elements(of: try evaluate(spread, scope))
        }
        if let spread = arguments.namedSpread {
            guard case .dictionary(let dictionary) = try evaluate(spread, scope) else {
                throw failure("what follows ** isn't a dictionary")
            }
            var names = Set(result.named.lazy.map(\.name))
            for pair in dictionary.pairs {
                guard let key = pair.key.text else { throw failure("the name of an argument isn't a string") }
                try make(key.count + 16)
                try step(8)
                let name = try name(key)
                if key.hasOutside { result.outsideNames.insert(name) }
                guard names.insert(name).inserted else { throw failure("two arguments \(name)") }
                result.named.append((name, pair.value))
            }
        }
        return result
    }
}
