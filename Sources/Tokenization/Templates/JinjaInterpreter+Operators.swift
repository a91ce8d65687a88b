import Foundation

/// Arithmetic and comparisons, as Python has them for these values.
extension JinjaInterpreter {
    func calculate(
        _ left: JinjaValue, _ operation: JinjaOperation, _ right: JinjaValue
    ) throws(JinjaError) -> JinjaValue {
        if let first = left.integer, let second = right.integer { return try calculate(first, operation, second) }
        if let first = left.float, let second = right.float { return try calculate(first, operation, second) }
        switch (left, operation, right) {
        case (.text(let first), .add, .text(let second)): return .text(try sum(first, second))
        case (.list(let first), .add, .list(let second)): return try list(first.values + second.values)
        case (.tuple(let first), .add, .tuple(let second)): return try tuple(first.values + second.values)
        case (.text(let text), .multiply, _):
            guard let count = right.integer else { break }
            return .text(try repeated(text, count))
        case (_, .multiply, .text(let text)):
            guard let count = left.integer else { break }
            return .text(try repeated(text, count))
        case (.list(let elements), .multiply, _):
            guard let count = right.integer else { break }
            return try list(try repeated(elements.values, count))
        case (_, .multiply, .list(let elements)):
            guard let count = left.integer else { break }
            return try list(try repeated(elements.values, count))
        case (.tuple(let elements), .multiply, _):
            guard let count = right.integer else { break }
            return try tuple(try repeated(elements.values, count))
        case (_, .multiply, .tuple(let elements)):
            guard let count = left.integer else { break }
            return try tuple(try repeated(elements.values, count))
        case (.text, .remainder, _): throw unsupported("% of a string")
        default: break
        }
        for case .undefined(let reason) in [left, right] { throw failure(reason) }
        throw failure("\(operation.rawValue) of a \(left.typeName) and a \(right.typeName)")
    }

    private func sum(_ left: JinjaText, _ right: JinjaText) throws(JinjaError) -> JinjaText {
        var (left, right) = (left, right)
        if left.isMarkup != right.isMarkup { (left, right) = (left.escapedForHTML, right.escapedForHTML) }
        try make(left.size + right.size)
        left.append(right)
        return left
    }

    func repeated(_ text: JinjaText, _ count: Int) throws(JinjaError) -> JinjaText {
        let count = max(count, 0)
        try make(size(text.size, times: count))
        var result = JinjaText()
        let total = text.count * (text.isEmpty ? 0 : count)
        result.reserve(total)
        result.isMarkup = text.isMarkup
        if total > 0 { result.append(text) }
        // By doubling, so that a short text is quick too.
        while result.count < total { result.append(result, 0..<min(result.count, total - result.count)) }
        return result
    }

    private func repeated(_ values: [JinjaValue], _ count: Int) throws(JinjaError) -> [JinjaValue] {
        let count = max(count, 0)
        try make(size(values.count * 8, times: count))
        return Array(repeatElement(values, count: values.isEmpty ? 0 : count).joined())
    }

    /// A size; the greatest there is where it overflows.
    func size(_ size: Int, times count: Int) -> Int {
        let (product, overflows) = size.multipliedReportingOverflow(by: count)
        return overflows ? .max : product
    }

    private func calculate(
        _ left: Int, _ operation: JinjaOperation, _ right: Int
    ) throws(JinjaError) -> JinjaValue {
        var result: (partialValue: Int, overflow: Bool)
        switch operation {
        case .add: result = left.addingReportingOverflow(right)
        case .subtract: result = left.subtractingReportingOverflow(right)
        case .multiply: result = left.multipliedReportingOverflow(by: right)
        case .divide:
            guard right != 0 else { throw failure("division by zero") }
            return .float(Double(left) / Double(right))
        case .floorDivide:
            guard right != 0 else { throw failure("division by zero") }
            result = left.dividedReportingOverflow(by: right)
            if !result.overflow, left % right != 0, (left < 0) != (right < 0) { result.partialValue -= 1 }
        case .remainder:
            guard right != 0 else { throw failure("division by zero") }
            result = left.remainderReportingOverflow(dividingBy: right)
            if result.overflow { result = (0, false) }
            if result.partialValue != 0, (result.partialValue < 0) != (right < 0) { result.partialValue += right }
        case .power:
            if right < 0 {
                guard left != 0 else { throw failure("division by zero") }
                return .float(pow(Double(left), Double(right)))
            }
            result = power(left, right)
        }
        guard !result.overflow else { throw limit("an integer doesn't fit 64 bits") }
        return .integer(result.partialValue)
    }

    private func power(_ base: Int, _ exponent: Int) -> (partialValue: Int, overflow: Bool) {
        switch base {
        case 0: return (exponent == 0 ? 1 : 0, false)
        case 1: return (1, false)
        case -1: return (exponent.isMultiple(of: 2) ? 1 : -1, false)
        default:
            guard exponent < 64 else { return (0, true) }
            var result = 1
            for _ in 0..<exponent {
                let (product, overflows) = result.multipliedReportingOverflow(by: base)
                if overflows { return (0, true) }
                result = product
            }
            return (result, false)
        }
    }

    private func calculate(
        _ left: Double, _ operation: JinjaOperation, _ right: Double
    ) throws(JinjaError) -> JinjaValue {
        switch operation {
        case .add: return .float(left + right)
        case .subtract: return .float(left - right)
        case .multiply: return .float(left * right)
        case .divide, .floorDivide, .remainder:
            guard right != 0 else { throw failure("division by zero") }
            if operation == .divide { return .float(left / right) }
            var remainder = fmod(left, right)
            if remainder != 0, (remainder < 0) != (right < 0) { remainder += right }
            if operation == .remainder { return .float(remainder) }
            let quotient = ((left - remainder) / right).rounded()
            return .float(quotient)
        case .power:
            let result = pow(left, right)
            guard !result.isNaN || left.isNaN || right.isNaN, result.isFinite || !left.isFinite || !right.isFinite
            else { throw failure("\(left) ** \(right) isn't a number") }
            return .float(result)
        }
    }

    func signed(_ value: JinjaValue, _ isNegative: Bool) throws(JinjaError) -> JinjaValue {
        if let integer = value.integer {
            guard isNegative else { return .integer(integer) }
            return try calculate(0, .subtract, integer)
        }
        if case .float(let float) = value { return .float(isNegative ? -float : float) }
        if case .undefined(let reason) = value { throw failure(reason) }
        throw failure("a sign before a \(value.typeName)")
    }
}

// MARK: - Comparisons

extension JinjaInterpreter {
    func compare(
        _ left: JinjaValue, _ comparison: JinjaComparison, _ right: JinjaValue
    ) throws(JinjaError) -> Bool {
        switch comparison {
        case .equal: try isEqual(left, right)
        case .notEqual: try !isEqual(left, right)
        case .less: try isLess(left, right)
        case .greater: try isLess(right, left)
        case .lessOrEqual: try isLessOrEqual(left, right)
        case .greaterOrEqual: try isLessOrEqual(right, left)
        case .isIn: try contains(right, left)
        case .isNotIn: try !contains(right, left)
        }
    }

    func isEqual(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaError) -> Bool {
        try step()
        if let first = left.integer, let second = right.integer { return first == second }
        if let first = left.float, let second = right.float { return first == second }
        switch (left, right) {
        case (.undefined, .undefined), (.null, .null): return true
        case (.text(let first), .text(let second)):
            guard first.count == second.count else { return false }
            try scan(first.count)
            return first == second
        case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
            return try nested { () throws(JinjaError) in try areEqual(first.values, second.values) }
        case (.range(let first), .range(let second)):
            return first.count == second.count
                && (first.count == 0 || first.start == second.start && (first.count == 1 || first.step == second.step))
        case (.dictionary(let first), .dictionary(let second)):
            return try nested { () throws(JinjaError) in try areEqual(first, second) }
        default:
            guard let first = left.identity, let second = right.identity else { return false }
            return first == second
        }
    }

    private func areEqual(_ left: [JinjaValue], _ right: [JinjaValue]) throws(JinjaError) -> Bool {
        guard left.count == right.count else { return false }
        for (left, right) in zip(left, right) where try !isEqual(left, right) { return false }
        return true
    }

    private func areEqual(_ left: JinjaDictionary, _ right: JinjaDictionary) throws(JinjaError) -> Bool {
        guard left.pairs.count == right.pairs.count else { return false }
        for pair in left.pairs {
            guard let other = right.value(of: try key(pair.key)), try isEqual(pair.value, other) else { return false }
        }
        return true
    }

    func isLess(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaError) -> Bool {
        try step()
        if let first = left.integer, let second = right.integer { return first < second }
        if let first = left.float, let second = right.float { return first < second }
        switch (left, right) {
        case (.text(let first), .text(let second)):
            try scan(min(first.count, second.count))
            return first < second
        case (.list(let first), .list(let second)), (.tuple(let first), .tuple(let second)):
            for (left, right) in zip(first.values, second.values) where try !isEqual(left, right) {
                return try nested { () throws(JinjaError) in try isLess(left, right) }
            }
            return first.values.count < second.values.count
        default:
            for case .undefined(let reason) in [left, right] { throw failure(reason) }
            throw failure("a \(left.typeName) and a \(right.typeName) have no order")
        }
    }

    private func isLessOrEqual(_ left: JinjaValue, _ right: JinjaValue) throws(JinjaError) -> Bool {
        if left.float?.isNaN == true || right.float?.isNaN == true { return false }
        return try !isLess(right, left)
    }

    /// Whether a container has an element: `in`.
    func contains(_ container: JinjaValue, _ element: JinjaValue) throws(JinjaError) -> Bool {
        switch container {
        case .text(let text):
            guard let part = element.text else {
                throw failure("a \(element.typeName) can't be in a string")
            }
            try scan(text.count + part.count)
            return text.contains(part)
        case .dictionary(let dictionary), .view(.keys, let dictionary):
            return dictionary.value(of: try key(element)) != nil
        case .iterator(let iterator):
            return try iterator.takeUntil { value throws(JinjaError) in try isEqual(value, element) } != nil
        default:
            for value in try elements(of: container) where try isEqual(value, element) { return true }
            return false
        }
    }
}

extension JinjaValue {
    /// Of values that are equal to themselves alone.
    fileprivate var identity: ObjectIdentifier? {
        switch self {
        case .iterator(let iterator): ObjectIdentifier(iterator)
        case .namespace(let namespace): ObjectIdentifier(namespace)
        case .loop(let loop): ObjectIdentifier(loop)
        case .macro(let macro): ObjectIdentifier(macro)
        case .view(_, let dictionary): ObjectIdentifier(dictionary)
        default: nil
        }
    }
}
