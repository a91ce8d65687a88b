/// Tests: `value is name`.
extension JinjaInterpreter {
    func test(_ name: String, _ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> Bool {
        if let comparison = Self.comparisons[name] {
            let other = try bind(arguments, to: name, ["other"], required: 1)[0] ?? .null
            return try compare(value, comparison, other)
        }
        switch name {
        case "divisibleby":
            let divisor = try bind(arguments, to: name, ["num"], required: 1)[0] ?? .null
            return try isEqual(try calculate(value, .remainder, divisor), .integer(0))
        case "sameas":
            let other = try bind(arguments, to: name, ["other"], required: 1)[0] ?? .null
            return try isSame(value, other)
        default: break
        }
        _ = try bind(arguments, to: name, [])
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "none": if case .null = value { return true } else { return false }
        case "true": if case .bool(true) = value { return true } else { return false }
        case "false": if case .bool(false) = value { return true } else { return false }
        case "boolean": if case .bool = value { return true } else { return false }
        case "integer": if case .integer = value { return true } else { return false }
        case "float": if case .float = value { return true } else { return false }
        case "number": return value.float != nil
        case "string": return value.text != nil
        case "escaped": return value.text?.isMarkup ?? false
        case "mapping": if case .dictionary = value { return true } else { return false }
        case "sequence": return isSequence(value)
        case "iterable": return isIterable(value)
        case "callable": return isCallable(value)
        case "lower", "upper":
            let text = try text(of: value)
            try study(text.count)
            return name == "lower" ? text.isLowercase : text.isUppercase
        case "odd": return try isEqual(try calculate(value, .remainder, .integer(2)), .integer(1))
        case "even": return try isEqual(try calculate(value, .remainder, .integer(2)), .integer(0))
        case "filter", "test": throw unsupported("the test \(name)")
        default: throw failure("there is no test \(name)")
        }
    }

    private static let comparisons: [String: JinjaComparison] = [
        "eq": .equal, "equalto": .equal, "==": .equal, "ne": .notEqual, "!=": .notEqual, "lt": .less,
        "lessthan": .less, "<": .less, "le": .lessOrEqual, "<=": .lessOrEqual, "gt": .greater,
        "greaterthan": .greater, ">": .greater, "ge": .greaterOrEqual, ">=": .greaterOrEqual, "in": .isIn,
    ]

    private func isSame(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaError) -> Bool {
        switch (left, right) {
        case (.null, .null): return true
        case (.bool(let first), .bool(let second)): return first == second
        case (.null, _), (_, .null), (.bool, _), (_, .bool): return false
        // Which other values are one object in Python depends on its implementation.
        default: throw unsupported("the test sameas of a \(left.typeName) and a \(right.typeName)")
        }
    }

    private func isSequence(_ value: JinjaValue) -> Bool {
        switch value {
        case .undefined, .text, .list, .tuple, .range, .dictionary: true
        default: false
        }
    }

    private func isIterable(_ value: JinjaValue) -> Bool {
        switch value {
        case .undefined, .text, .list, .tuple, .range, .dictionary, .view, .iterator, .loop: true
        default: false
        }
    }

    private func isCallable(_ value: JinjaValue) -> Bool {
        switch value {
        case .undefined, .macro, .function, .method, .loop: true
        default: false
        }
    }
}
