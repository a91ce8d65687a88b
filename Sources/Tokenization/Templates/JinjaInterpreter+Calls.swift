/// Calls of macros and global functions.
extension JinjaInterpreter {
    func call(_ callee: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        switch callee {
        case .macro(let macro): return .text(try call(macro, arguments))
        case .function(let function): return try call(function, arguments)
        case .method(let method): return try call(method, arguments)
        case .undefined(let reason): throw failure(reason)
        default: throw failure("a \(callee.typeName) can't be called")
        }
    }

    private func call(_ macro: JinjaMacro, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaText {
        let definition = macro.definition
        let scope = JinjaScope(parent: macro.scope)
        var named = Dictionary(
            arguments.named.enumerated().map { ($1.name, $0) }, uniquingKeysWith: { first, _ in first })
        func take(_ name: String) -> JinjaValue? {
            named.isEmpty ? nil : named.removeValue(forKey: name).map { arguments.named[$0].value }
        }
        // Setting a variable costs more than a node.
        try step(8 * (definition.parameters.count + arguments.named.count))
        var missing: [(name: String, standard: JinjaExpression)] = []
        for (index, parameter) in definition.parameters.enumerated() {
            let name = parameter.name
            if index < arguments.positional.count {
                scope.variables[name] = arguments.positional[index]
                if take(name) != nil { throw failure("\(definition.name) gets two arguments \(name)") }
            } else if let value = take(name) {
                scope.variables[name] = value
            } else if let standard = parameter.standard {
                missing.append((name, standard))
            } else {
                let called = definition.name.shortened(to: 60)
                scope.variables[name] = .undefined("\(called) was called without \(name.shortened(to: 60))")
            }
        }
        if definition.takesCaller {
            scope.variables["caller"] = take("caller") ?? .undefined("there is no caller")
        }
        let rest = arguments.positional.dropFirst(definition.parameters.count)
        if definition.takesMorePositional {
            scope.variables["varargs"] = try tuple(Array(rest))
        } else if !rest.isEmpty {
            throw failure("\(definition.name) takes at most \(definition.parameters.count) arguments")
        }
        let others = named.values.sorted().map { arguments.named[$0] }
        if definition.takesMoreNamed {
            scope.variables["kwargs"] = try dictionary(others.map { (arguments.nameValue($0.name), $0.value) })
        } else if let other = others.first {
            throw failure("\(definition.name) has no argument \(other.name)")
        }
        // Defaults see the arguments before them.
        for (name, standard) in missing { scope.variables[name] = try evaluate(standard, scope) }
        return try captured(definition.body, scope).text
    }

    private func call(_ function: JinjaFunction, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        switch function {
        case .range: return try range(arguments)
        case .dict: return try dictionary(try pairs(arguments))
        case .namespace:
            let namespace = try namespace()
            for pair in try pairs(arguments) {
                guard let key = pair.key.text else { throw failure("an attribute's name isn't a string") }
                try make(key.count + 32)
                try step(8)
                namespace.set(try name(key), pair.value)
            }
            return .namespace(namespace)
        case .raise:
            let message = try bind(arguments, to: function.rawValue, ["message"], required: 1)[0] ?? .null
            let text = try text(of: message)
            let most = 10_000
            throw JinjaError(
                kind: .refusal, line: line,
                reason: text[0..<min(text.count, most)].string + (text.count > most ? "…" : ""))
        case .now:
            let format = try bind(arguments, to: function.rawValue, ["format"], required: 1)[0]
            let pattern = try self.text(format, function.rawValue) ?? JinjaText()
            try make(pattern.count * 8)
            // Asking the calendar is slow.
            try step(100)
            do throws(StrftimeFormat.UnknownDirective) {
                let text = try StrftimeFormat.text(of: now, pattern.string)
                return .text(JinjaText(text, isOutside: pattern.hasOutside))
            } catch { throw unsupported("the directive \(error.directive) of strftime") }
        case .cycler, .joiner, .lipsum: throw unsupported("the function \(function.rawValue)")
        }
    }

    private func range(_ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        var bounds: [Int] = []
        for argument in arguments.positional {
            guard let bound = argument.integer else {
                throw failure("range needs integers, not a \(argument.typeName)")
            }
            bounds.append(bound)
        }
        guard arguments.named.isEmpty, (1...3).contains(bounds.count) else {
            throw failure("range takes one to three integers")
        }
        let (start, end) = bounds.count == 1 ? (0, bounds[0]) : (bounds[0], bounds[1])
        let step = bounds.count == 3 ? bounds[2] : 1
        guard step != 0 else { throw failure("range has the step 0") }
        let (distance, overflows) = end.subtractingReportingOverflow(start)
        guard !overflows, step != .min else { throw limit("the range is too long") }
        var count: UInt = 0
        if (distance > 0) == (step > 0), distance != 0 { count = (distance.magnitude - 1) / step.magnitude + 1 }
        guard count <= limits.rangeLength else {
            throw limit("the range has \(count) numbers, more than \(limits.rangeLength)")
        }
        return .range(JinjaRange(start: start, end: end, step: step, count: Int(count)))
    }

    /// The pairs of `dict(…)`: those of a dictionary or of a list of pairs, and those with names.
    private func pairs(_ arguments: JinjaArguments) throws(JinjaError) -> [(key: JinjaValue, value: JinjaValue)] {
        var pairs: [(key: JinjaValue, value: JinjaValue)] = []
        guard arguments.positional.count <= 1 else { throw failure("dict takes at most one argument without a name") }
        if let first = arguments.positional.first {
            if case .dictionary(let dictionary) = first {
                pairs = dictionary.pairs
            } else {
                for element in try elements(of: first) {
                    let pair = try elements(of: element)
                    guard pair.count == 2 else { throw failure("an element of dict isn't a pair") }
                    pairs.append((pair[0], pair[1]))
                }
            }
        }
        return pairs + arguments.named.map { (arguments.nameValue($0.name), $0.value) }
    }
}
