/// Statements.
extension JinjaInterpreter {
    func run(_ statements: [JinjaStatement], _ scope: JinjaScope) throws(JinjaError) -> Flow {
        for statement in statements {
            try step()
            let flow = try run(statement, scope)
            if flow != .normal { return flow }
        }
        return .normal
    }

    private func run(_ statement: JinjaStatement, _ scope: JinjaScope) throws(JinjaError) -> Flow {
        switch statement {
        case .text(let text): try write(text)
        case .output(let expression): try writeValue(expression, scope)
        case .set(let target, let expression): try assign(try evaluate(expression, scope), to: target, scope)
        case .setBlock(let target, let filters, let body): return try setBlock(target, filters, body, scope)
        case .loop(let loop): return try nested { () throws(JinjaError) in try run(loop, scope) }
        case .choice(let branches, let otherwise): return try choose(branches, otherwise, scope)
        case .macro(let definition): scope.variables[definition.name] = try macro(definition, scope)
        case .call(let call, let caller):
            // The caller is an argument of the last call in the expression.
            try write(try self.text(of: try evaluate(call, scope, caller: try macro(caller, scope))))
        case .filter(let filters, let body):
            let (text, flow) = try captured(body, JinjaScope(parent: scope))
            if flow != .normal { return flow }
            try write(try self.text(of: try apply(filters, to: .text(text), scope)))
        case .with(let values, let body): return try with(values, body, scope)
        case .generation(let body):
            return try nested { () throws(JinjaError) in try run(body, JinjaScope(parent: scope)) }
        case .breakLoop: return .breakLoop
        case .continueLoop: return .continueLoop
        }
        return .normal
    }

    func write(_ text: JinjaText) throws(JinjaError) {
        try make(text.size)
        output.append(text)
    }

    private func writeValue(_ expression: JinjaExpression, _ scope: JinjaScope) throws(JinjaError) {
        try write(try text(of: try evaluate(expression, scope)))
    }

    private func choose(
        _ branches: [(condition: JinjaExpression, body: [JinjaStatement])], _ otherwise: [JinjaStatement],
        _ scope: JinjaScope
    ) throws(JinjaError) -> Flow {
        for branch in branches where try evaluate(branch.condition, scope).isTrue {
            return try nested { () throws(JinjaError) in try run(branch.body, scope) }
        }
        return try nested { () throws(JinjaError) in try run(otherwise, scope) }
    }

    private func with(
        _ values: [(target: JinjaTarget, value: JinjaExpression)], _ body: [JinjaStatement], _ scope: JinjaScope
    ) throws(JinjaError) -> Flow {
        let inner = JinjaScope(parent: scope)
        for (target, value) in values { try assign(try evaluate(value, scope), to: target, inner) }
        return try nested { () throws(JinjaError) in try run(body, inner) }
    }

    private func setBlock(
        _ target: JinjaTarget, _ filters: [JinjaLink], _ body: [JinjaStatement], _ scope: JinjaScope
    ) throws(JinjaError) -> Flow {
        let (text, flow) = try captured(body, JinjaScope(parent: scope))
        if flow != .normal { return flow }
        try assign(try apply(filters, to: .text(text), scope), to: target, scope)
        return .normal
    }

    /// What statements write.
    func captured(
        _ statements: [JinjaStatement], _ scope: JinjaScope
    ) throws(JinjaError) -> (text: JinjaText, flow: Flow) {
        let outer = output
        output = JinjaText()
        defer { output = outer }
        let flow = try nested { () throws(JinjaError) in try run(statements, scope) }
        return (output, flow)
    }

    private func run(_ loop: JinjaLoop, _ scope: JinjaScope) throws(JinjaError) -> Flow {
        line = loop.line
        var elements = try self.elements(of: try evaluate(loop.elements, scope))
        if let condition = loop.condition {
            var kept: [JinjaValue] = []
            for element in elements {
                let inner = JinjaScope(parent: scope)
                try assign(element, to: loop.target, inner)
                if try evaluate(condition, inner).isTrue { kept.append(element) }
            }
            elements = kept
        }
        let state = try loopState(elements)
        var reachesEnd = false
        for (index, element) in elements.enumerated() {
            // The scope of an iteration costs more than a node.
            try step(8)
            state.index = index
            let inner = JinjaScope(parent: scope)
            inner.variables["loop"] = .loop(state)
            line = loop.line
            try assign(element, to: loop.target, inner)
            let flow = try run(loop.body, inner)
            if flow == .normal { reachesEnd = true }
            if flow == .breakLoop { break }
        }
        // Jinja asks whether any iteration came to the end of the body, not whether there were elements.
        return reachesEnd ? .normal : try run(loop.otherwise, JinjaScope(parent: scope))
    }

    func assign(_ value: JinjaValue, to target: JinjaTarget, _ scope: JinjaScope) throws(JinjaError) {
        switch target {
        case .name(let name): scope.variables[name] = value
        case .attribute(let attribute, let name):
            guard case .namespace(let namespace)? = scope.value(of: name) else {
                throw failure("\(name) isn't a namespace, so \(name).\(attribute) can't be set")
            }
            namespace.set(attribute, value)
        case .tuple(let targets):
            let values = try elements(of: value)
            guard values.count == targets.count else {
                throw failure("\(values.count) values for \(targets.count) names")
            }
            for (target, value) in zip(targets, values) { try assign(value, to: target, scope) }
        }
    }
}
