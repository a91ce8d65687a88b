/// Filters of lists and dictionaries.
extension JinjaInterpreter {
    func sequenceFilter(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        switch name {
        case "list": return try list(try elements(of: value))
        case "first":
            if case .iterator(let iterator) = value {
                return iterator.takeUntil { _ in true } ?? .undefined("the first of nothing")
            }
            return try elements(of: value).first ?? .undefined("the first of nothing")
        case "last":
            guard isReversible(value) else { throw failure("a \(value.typeName) has no last element") }
            // Python takes it by its index, which keeps the mark of safe HTML; a loop over the text doesn't.
            if let text = value.text, let scalar = text.scalars.indices.last {
                return .text(text[scalar..<text.count].marked(text.isMarkup))
            }
            return try elements(of: value).last ?? .undefined("the last of nothing")
        case "join": return try joined(value, arguments)
        case "reverse":
            if let text = value.text {
                try make(text.count)
                return .text(text.reversed.marked(text.isMarkup))
            }
            let reversed = Array(try elements(of: value).reversed())
            return try isReversible(value) ? iterator(reversed, type: "reversed") : list(reversed)
        case "sort":
            let values = try bind(arguments, to: name, ["reverse", "case_sensitive", "attribute"])
            let isSensitive = values[1]?.isTrue ?? false
            let attribute = values[2]
            return try list(
                try sorted(try elements(of: value), isReversed: values[0]?.isTrue ?? false) {
                    value throws(JinjaError) in
                    try sortKey(value, attribute, isSensitive)
                })
        case "dictsort": return try sortedPairs(value, arguments)
        case "items":
            if value.isUndefined { return try iterator([]) }
            guard case .dictionary(let dictionary) = value else {
                throw failure("items needs a dictionary, not a \(value.typeName)")
            }
            return try iterator(try elements(of: .view(.items, of: dictionary)))
        case "map": return try mapped(value, arguments)
        case "select": return try selected(value, arguments, keeps: true, byAttribute: false)
        case "reject": return try selected(value, arguments, keeps: false, byAttribute: false)
        case "selectattr": return try selected(value, arguments, keeps: true, byAttribute: true)
        case "rejectattr": return try selected(value, arguments, keeps: false, byAttribute: true)
        case "unique": return try unique(value, arguments)
        case "min", "max": return try extreme(name, value, arguments)
        case "sum": return try summed(value, arguments)
        case "batch": return try batches(value, arguments)
        case "slice": return try slices(value, arguments)
        case "groupby": return try grouped(value, arguments)
        default: throw failure("there is no filter \(name)")
        }
    }

    private func isReversible(_ value: JinjaValue) -> Bool {
        switch value {
        case .undefined, .text, .list, .tuple, .range, .dictionary, .view: true
        default: false
        }
    }

    // MARK: Attributes

    /// The value at a path such as `function.name` or `0`; the value itself without a path.
    private func value(
        _ value: JinjaValue, at path: JinjaValue?, default standard: JinjaValue? = nil
    ) throws(JinjaError) -> JinjaValue {
        var current = value
        let steps: [JinjaValue]
        switch path {
        case nil, .some(.null): return value
        case .text(let text)?:
            steps = try parts(of: text, at: ".").map { part in
                guard part.consists(of: { $0.isASCIIDigit }), let index = Int(part.string) else { return .text(part) }
                return .integer(index)
            }
        case .some(let index): steps = [index]
        }
        for step in steps {
            try self.step()
            current = try item(step, of: current)
            if current.isUndefined, let standard { current = standard }
        }
        return current
    }

    private func parts(of text: JinjaText, at separator: String) throws(JinjaError) -> [JinjaText] {
        let separator = JinjaText(separator)
        try study(text.count)
        try make(size(16, times: text.occurrences(of: separator, in: 0..<text.count)))
        return text.split(at: separator, maximumCuts: .max)
    }

    private func withoutCase(_ value: JinjaValue, _ isSensitive: Bool) throws(JinjaError) -> JinjaValue {
        guard !isSensitive, let text = value.text else { return value }
        try make(text.count)
        try study(text.count)
        return .text(text.lowercased)
    }

    private func sortKey(
        _ value: JinjaValue, _ attribute: JinjaValue?, _ isSensitive: Bool
    ) throws(JinjaError) -> JinjaValue {
        guard let text = attribute?.text, text.scalars.contains(",") else {
            return try withoutCase(try self.value(value, at: attribute), isSensitive)
        }
        var keys: [JinjaValue] = []
        for path in try parts(of: text, at: ",") {
            keys.append(try withoutCase(try self.value(value, at: .text(path)), isSensitive))
        }
        return try list(keys)
    }

    /// Sorted by a key. Elements of equal keys stay in their order.
    func sorted<Element>(
        _ elements: [Element], isReversed: Bool = false, by key: (Element) throws(JinjaError) -> JinjaValue
    ) throws(JinjaError) -> [Element] {
        var keyed: [(key: JinjaValue, index: Int)] = []
        keyed.reserveCapacity(elements.count)
        for (index, element) in elements.enumerated() { keyed.append((try key(element), index)) }
        try make(elements.count * 8)
        // The standard library's sort is stable, but its closure throws untyped errors.
        var failure: JinjaError?
        keyed.sort { left, right in
            guard failure == nil else { return false }
            do throws(JinjaError) {
                return try isReversed ? isLess(right.key, left.key) : isLess(left.key, right.key)
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        return keyed.map { elements[$0.index] }
    }

    private func sortedPairs(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "dictsort", ["case_sensitive", "by", "reverse"])
        guard case .dictionary(let dictionary) = value else {
            throw failure("dictsort needs a dictionary, not a \(value.typeName)")
        }
        let order = try text(values[1], "dictsort")?.string ?? "key"
        guard ["key", "value"].contains(order) else { throw failure("dictsort sorts by key or value, not by \(order)") }
        let isSensitive = values[0]?.isTrue ?? false
        let pairs = try sorted(dictionary.pairs, isReversed: values[2]?.isTrue ?? false) { pair throws(JinjaError) in
            try withoutCase(order == "key" ? pair.key : pair.value, isSensitive)
        }
        var tuples: [JinjaValue] = []
        for pair in pairs { tuples.append(try tuple([pair.key, pair.value])) }
        return try list(tuples)
    }

    // MARK: One value of each

    private func joined(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "join", ["d", "attribute"])
        let separator = try values[0].map { value throws(JinjaError) in try text(of: value) } ?? JinjaText()
        var parts: [JinjaText] = []
        for element in try elements(of: value) {
            parts.append(try text(of: try self.value(element, at: values[1])))
        }
        return .text(try joined(parts, by: separator))
    }

    func joined(_ parts: [JinjaText], by separator: JinjaText) throws(JinjaError) -> JinjaText {
        var result = JinjaText()
        for (index, part) in parts.enumerated() {
            try make(part.size + separator.size)
            if index > 0 { result.append(separator) }
            result.append(part)
        }
        return result
    }

    private func mapped(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        // Jinja looks at nothing of a value that is false, not even whether it has elements.
        guard value.isTrue else { return try iterator([]) }
        var results: [JinjaValue] = []
        let elements = try elements(of: value)
        if arguments.positional.isEmpty, let path = arguments.value(named: "attribute") {
            let standard = arguments.value(named: "default")
            if let other = arguments.named.first(where: { !["attribute", "default"].contains($0.name) }) {
                throw failure("map has no argument \(other.name)")
            }
            for element in elements { results.append(try self.value(element, at: path, default: standard)) }
            return try iterator(results)
        }
        if elements.isEmpty { return try iterator([]) }
        guard let name = arguments.positional.first?.text?.string else { throw failure("map needs a filter") }
        var rest = arguments
        rest.positional.removeFirst()
        for element in elements {
            try step()
            results.append(try nested { () throws(JinjaError) in try filter(name, element, rest) })
        }
        return try iterator(results)
    }

    private func selected(
        _ value: JinjaValue, _ arguments: JinjaArguments, keeps: Bool, byAttribute: Bool
    ) throws(JinjaError) -> JinjaValue {
        guard value.isTrue else { return try iterator([]) }
        let elements = try elements(of: value)
        if elements.isEmpty { return try iterator([]) }
        var rest = arguments
        var path: JinjaValue?
        if byAttribute {
            guard !rest.positional.isEmpty else { throw failure("the name of an attribute is missing") }
            path = rest.positional.removeFirst()
        }
        var name: String?
        if let test = rest.positional.first {
            guard let text = test.text else { throw failure("a test's name is no string") }
            name = text.string
            rest.positional.removeFirst()
        }
        var results: [JinjaValue] = []
        for element in elements {
            try step()
            let tested = try self.value(element, at: path)
            let passes = if let name { try test(name, tested, rest) } else { tested.isTrue }
            if passes == keeps { results.append(element) }
        }
        return try iterator(results)
    }

    private func unique(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "unique", ["case_sensitive", "attribute"])
        var seen: Set<JinjaKey> = []
        var results: [JinjaValue] = []
        for element in try elements(of: value) {
            let compared = try withoutCase(try self.value(element, at: values[1]), values[0]?.isTrue ?? false)
            if seen.insert(try key(compared)).inserted { results.append(element) }
        }
        return try iterator(results)
    }

    // MARK: One value of all

    private func extreme(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: name, ["case_sensitive", "attribute"])
        var best: (key: JinjaValue, value: JinjaValue)?
        for element in try elements(of: value) {
            let compared = try withoutCase(try self.value(element, at: values[1]), values[0]?.isTrue ?? false)
            guard let current = best else {
                best = (compared, element)
                continue
            }
            let isBetter = try name == "min" ? isLess(compared, current.key) : isLess(current.key, compared)
            if isBetter { best = (compared, element) }
        }
        return best?.value ?? .undefined("the \(name) of nothing")
    }

    private func summed(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "sum", ["attribute", "start"])
        var total = values[1] ?? .integer(0)
        if total.text != nil { throw failure("sum of strings") }
        for element in try elements(of: value) {
            total = try calculate(total, .add, try self.value(element, at: values[0]))
        }
        return total
    }

    // MARK: Groups

    private func batches(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "batch", ["linecount", "fill_with"], required: 1)
        let count = try integer(values[0], "batch") ?? 0
        guard count > 0 else { throw failure("batch needs a positive number") }
        var batches: [JinjaValue] = []
        let elements = try elements(of: value)
        var start = 0
        while start < elements.count {
            var batch = Array(elements[start..<(start + min(count, elements.count - start))])
            start += batch.count
            if batch.count < count, let filler = values[1], !filler.isNull {
                try make(size(8, times: count))
                batch += repeatElement(filler, count: count - batch.count)
            }
            batches.append(try list(batch))
        }
        return try iterator(batches)
    }

    private func slices(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "slice", ["slices", "fill_with"], required: 1)
        let count = try integer(values[0], "slice") ?? 0
        guard count > 0 else { throw failure("slice needs a positive number") }
        let elements = try elements(of: value)
        try make(size(8, times: count))
        var slices: [JinjaValue] = []
        var start = 0
        for index in 0..<count {
            let isLong = index < elements.count % count
            let end = start + elements.count / count + (isLong ? 1 : 0)
            var slice = Array(elements[start..<end])
            if !isLong, let filler = values[1], !filler.isNull { slice.append(filler) }
            slices.append(try list(slice))
            start = end
        }
        return try iterator(slices)
    }

    private func grouped(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        let values = try bind(arguments, to: "groupby", ["attribute", "default", "case_sensitive"], required: 1)
        let isSensitive = values[2]?.isTrue ?? false
        func key(_ element: JinjaValue) throws(JinjaError) -> JinjaValue {
            try withoutCase(try self.value(element, at: values[0], default: values[1]), isSensitive)
        }
        var groups: [(key: JinjaValue, elements: [JinjaValue])] = []
        for element in try sorted(try elements(of: value), by: key) {
            let elementKey = try key(element)
            // Nothing may hold the group's array here, or appending copies it.
            if let lastKey = groups.last?.key, try isEqual(lastKey, elementKey) {
                groups[groups.count - 1].elements.append(element)
            } else {
                groups.append((elementKey, [element]))
            }
        }
        var results: [JinjaValue] = []
        for found in groups {
            // The key as the first element has it.
            let real = try self.value(found.elements[0], at: values[0], default: values[1])
            results.append(try group([real, try list(found.elements)]))
        }
        return try list(results)
    }
}
