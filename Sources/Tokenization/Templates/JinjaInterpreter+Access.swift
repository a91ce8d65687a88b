/// Elements, attributes, items and slices.
extension JinjaInterpreter {
    /// What a loop over a value goes through.
    func elements(of value: JinjaValue) throws(JinjaError) -> [JinjaValue] {
        switch value {
        case .undefined: return []
        case .list(let elements), .tuple(let elements):
            try step(elements.values.count / 8)
            return elements.values
        case .text(let text):
            try make(text.count * 16)
            let plain = text.plain
            return plain.scalars.indices.map { .text(plain[$0..<($0 + 1)]) }
        case .range(let range):
            try make(range.count * 8)
            return (0..<range.count).map { .integer(range[$0]) }
        case .dictionary(let dictionary):
            try make(dictionary.pairs.count * 8)
            return dictionary.elements(.keys)
        case .view(let part, let dictionary):
            try make(dictionary.pairs.count * 32)
            return dictionary.elements(part)
        case .iterator(let iterator):
            try step(iterator.count / 8)
            return iterator.takeAll()
        case .loop(let loop):
            let rest = loop.elements[min(loop.index + 1, loop.elements.count)...]
            try make(rest.count * 8)
            return Array(rest)
        default: throw failure("a \(value.typeName) has no elements")
        }
    }

    /// The number of elements; nil for a value that has none.
    func length(of value: JinjaValue) -> Int? {
        switch value {
        case .undefined: 0
        case .text(let text): text.count
        case .list(let elements), .tuple(let elements): elements.values.count
        case .range(let range): range.count
        case .dictionary(let dictionary), .view(_, let dictionary): dictionary.pairs.count
        case .loop(let loop): loop.elements.count
        default: nil
        }
    }

    /// `value.name`: an attribute, or else an item.
    func attribute(_ name: String, of value: JinjaValue) throws(JinjaError) -> JinjaValue {
        if case .undefined(let reason) = value { throw failure(reason) }
        try scan(name.utf8.count)
        if let found = try ownAttribute(name, of: value) { return found }
        return try storedItem(.text(JinjaText(name)), of: value) ?? missing(name, of: value)
    }

    /// `value[index]`: an item, or else an attribute.
    func item(_ index: JinjaValue, of value: JinjaValue) throws(JinjaError) -> JinjaValue {
        if case .undefined(let reason) = value { throw failure(reason) }
        if let found = try storedItem(index, of: value) { return found }
        guard let text = index.text else { return missing("the item", of: value) }
        let name = try name(text)
        return try ownAttribute(name, of: value) ?? missing(name, of: value)
    }

    private func missing(_ name: String, of value: JinjaValue) -> JinjaValue {
        .undefined("a \(value.typeName) has no \(name.shortened(to: 60))")
    }

    /// A text as the name of something.
    func name(_ text: JinjaText) throws(JinjaError) -> String {
        try study(text.count)
        return text.string
    }

    private func storedItem(_ index: JinjaValue, of value: JinjaValue) throws(JinjaError) -> JinjaValue? {
        func position(_ count: Int) -> Int? {
            guard let index = index.integer, index >= -count, index < count else { return nil }
            return index < 0 ? index + count : index
        }
        switch value {
        case .dictionary(let dictionary):
            // A list is no key, and so there is no such item.
            return try possibleKey(index).flatMap { dictionary.value(of: $0) }
        case .list(let elements), .tuple(let elements):
            return position(elements.values.count).map { elements.values[$0] }
        case .text(let text):
            return position(text.count).map { .text(text[$0..<($0 + 1)].marked(text.isMarkup)) }
        case .range(let range): return position(range.count).map { .integer(range[$0]) }
        default: return nil
        }
    }

    /// What a value itself has under a name: methods, and the values of namespaces and loops.
    private func ownAttribute(_ name: String, of value: JinjaValue) throws(JinjaError) -> JinjaValue? {
        switch value {
        case .text:
            return JinjaMethods.ofText.contains(name) ? .method(JinjaMethod(value, name)) : nil
        case .list, .tuple, .range:
            if case .tuple(let elements) = value, elements.isGroup,
                let index = ["grouper", "list"].firstIndex(of: name)
            {
                return elements.values[index]
            }
            if JinjaMethods.ofSequences.contains(name) { return .method(JinjaMethod(value, name)) }
            guard case .list = value else { return nil }
            if name == "copy" { return .method(JinjaMethod(value, name)) }
            return JinjaMethods.changingLists.contains(name) ? forbidden(name) : nil
        case .dictionary:
            if JinjaMethods.ofDictionaries.contains(name) { return .method(JinjaMethod(value, name)) }
            return JinjaMethods.changingDictionaries.contains(name) ? forbidden(name) : nil
        case .namespace(let namespace): return namespace.attributes[name]
        case .loop(let loop): return try attribute(name, of: loop)
        case .macro(let macro): return try attribute(name, of: macro.definition)
        default: return nil
        }
    }

    private func forbidden(_ name: String) -> JinjaValue {
        .undefined("templates may not change values, so there is no \(name)")
    }

    private func attribute(_ name: String, of macro: JinjaMacroDefinition) throws(JinjaError) -> JinjaValue? {
        switch name {
        case "name": JinjaValue(macro.name)
        case "arguments": try tuple(macro.parameters.map { JinjaValue($0.name) })
        case "catch_kwargs": .bool(macro.takesMoreNamed)
        case "catch_varargs": .bool(macro.takesMorePositional)
        case "caller": .bool(macro.takesCaller)
        default: nil
        }
    }

    private func attribute(_ name: String, of loop: JinjaLoopState) throws(JinjaError) -> JinjaValue? {
        let (index, count) = (loop.index, loop.elements.count)
        switch name {
        case "index": return .integer(index + 1)
        case "index0": return .integer(index)
        case "revindex": return .integer(count - index)
        case "revindex0": return .integer(count - index - 1)
        case "first": return .bool(index == 0)
        case "last": return .bool(index == count - 1)
        case "length": return .integer(count)
        case "depth": return .integer(1)
        case "depth0": return .integer(0)
        case "previtem": return index > 0 ? loop.elements[index - 1] : .undefined("there is no previous item")
        case "nextitem": return index + 1 < count ? loop.elements[index + 1] : .undefined("there is no next item")
        case "cycle", "changed": return .method(JinjaMethod(.loop(loop), name))
        default: return nil
        }
    }

    /// `value[start:end:step]`.
    func slice(
        _ value: JinjaValue, _ bounds: (start: JinjaValue, end: JinjaValue, step: JinjaValue)
    ) throws(JinjaError) -> JinjaValue {
        if case .undefined(let reason) = value { throw failure(reason) }
        let step = try integer(bounds.step, "a slice") ?? 1
        let (start, end) = (try integer(bounds.start, "a slice"), try integer(bounds.end, "a slice"))
        guard step != 0 else { throw failure("a slice has the step 0") }
        guard let count = sequenceLength(of: value) else { throw failure("a \(value.typeName) has no slices") }
        let (indices, startIndex, endIndex) = Self.sliceIndices(count: count, start: start, end: end, step: step)
        try self.step(indices.count / 8)
        switch value {
        case .text(let text):
            try make(indices.count)
            if step == 1, let first = indices.first {
                return .text(text[first..<(first + indices.count)].marked(text.isMarkup))
            }
            var result = JinjaText()
            result.isMarkup = text.isMarkup
            for index in indices { result.append(text.scalars[index], isOutside: text.isOutside(at: index)) }
            return .text(result)
        case .list(let elements): return try list(indices.map { elements.values[$0] })
        case .tuple(let elements): return try tuple(indices.map { elements.values[$0] })
        case .range(let range):
            guard case .integer(let newStep) = try calculate(.integer(range.step), .multiply, .integer(step)),
                case .integer(let offset) = try calculate(.integer(range.step), .multiply, .integer(endIndex)),
                case .integer(let newEnd) = try calculate(.integer(range.start), .add, .integer(offset)),
                case .integer(let firstOffset) = try calculate(.integer(range.step), .multiply, .integer(startIndex)),
                case .integer(let newStart) = try calculate(.integer(range.start), .add, .integer(firstOffset))
            else { return missing("slice", of: value) }
            return .range(JinjaRange(start: newStart, end: newEnd, step: newStep, count: indices.count))
        default: return missing("slice", of: value)
        }
    }

    private func sequenceLength(of value: JinjaValue) -> Int? {
        switch value {
        case .text, .list, .tuple, .range: length(of: value)
        default: nil
        }
    }

    /// The indices that a slice takes, and where it ends.
    private static func sliceIndices(
        count: Int, start: Int?, end: Int?, step: Int
    ) -> (indices: [Int], start: Int, end: Int) {
        let (lowest, highest) = step > 0 ? (0, count) : (-1, count - 1)
        func clamped(_ index: Int?, _ standard: Int) -> Int {
            guard let index else { return standard }
            return min(max(index < 0 ? index + count : index, lowest), highest)
        }
        let start = clamped(start, step > 0 ? lowest : highest)
        let end = clamped(end, step > 0 ? highest : lowest)
        // A step beyond the count takes one element, and may not overflow.
        return (Array(stride(from: start, to: end, by: min(max(step, -count - 1), count + 1))), start, end)
    }
}
