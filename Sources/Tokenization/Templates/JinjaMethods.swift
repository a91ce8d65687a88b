/// The names of the methods that values have.
enum JinjaMethods {
    static let ofText: Set<String> = [
        "strip", "lstrip", "rstrip", "split", "rsplit", "splitlines", "startswith", "endswith", "replace", "upper",
        "lower", "title", "capitalize", "swapcase", "find", "rfind", "index", "rindex", "count", "join", "format",
        "removeprefix", "removesuffix", "partition", "rpartition", "zfill", "ljust", "rjust", "center", "isdigit",
        "isdecimal", "isnumeric", "isalpha", "isalnum", "isspace", "islower", "isupper", "casefold", "encode",
        "expandtabs", "isascii", "isidentifier", "isprintable", "istitle", "maketrans", "translate", "format_map",
    ]
    /// Templates have no use for these.
    static let unsupportedOfText: Set<String> = [
        "casefold", "encode", "expandtabs", "isidentifier", "isprintable", "istitle", "maketrans", "translate",
        "format_map",
    ]
    static let ofSequences: Set<String> = ["index", "count"]
    static let ofDictionaries: Set<String> = ["items", "keys", "values", "get", "copy"]
    /// Jinja's sandbox forbids these.
    static let changingLists: Set<String> = ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
    static let changingDictionaries: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]
}

extension JinjaInterpreter {
    func call(_ method: JinjaMethod, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        switch method.receiver {
        case .text(let text) where text.isMarkup: try call(method.name, ofMarkup: text, arguments)
        case .text(let text): try call(method.name, of: text, arguments)
        case .list where method.name == "copy": try copied(method.receiver, arguments)
        case .list(let elements), .tuple(let elements): try call(method.name, of: elements.values, arguments)
        case .range: try call(method.name, of: try elements(of: method.receiver), arguments)
        case .dictionary(let dictionary): try call(method.name, of: dictionary, arguments)
        case .loop(let loop): try call(method.name, of: loop, arguments)
        default: throw failure("a \(method.receiver.typeName) has no method \(method.name)")
        }
    }

    private func copied(_ value: JinjaValue, _ arguments: JinjaArguments) throws(JinjaError) -> JinjaValue {
        _ = try bind(arguments, to: "copy", [])
        return value
    }

    private func call(
        _ name: String, of dictionary: JinjaDictionary, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        if name == "get" {
            let values = try bind(arguments, to: name, ["key", "default"], required: 1)
            return dictionary.value(of: try key(values[0] ?? .null)) ?? values[1] ?? .null
        }
        _ = try bind(arguments, to: name, [])
        if name == "copy" { return .dictionary(dictionary) }
        guard let part = JinjaDictionary.Part(rawValue: name) else { throw failure("there is no method \(name)") }
        return .view(part, of: dictionary)
    }

    private func call(
        _ name: String, of values: [JinjaValue], _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        let wanted = try bind(arguments, to: name, ["value"], required: 1)[0] ?? .null
        var count = 0
        for (index, value) in values.enumerated() where try isEqual(value, wanted) {
            if name == "index" { return .integer(index) }
            count += 1
        }
        if name == "index" { throw failure("the list doesn't hold the value") }
        return .integer(count)
    }

    private func call(
        _ name: String, of loop: JinjaLoopState, _ arguments: JinjaArguments
    ) throws(JinjaError) -> JinjaValue {
        let values = arguments.positional
        if name == "cycle" {
            guard !values.isEmpty else { throw failure("cycle needs values") }
            return values[loop.index % values.count]
        }
        defer { watch(values, by: loop) }
        guard let watched = loop.watched, watched.count == values.count else { return .bool(true) }
        for (old, new) in zip(watched, values) where try !isEqual(old, new) { return .bool(true) }
        return .bool(false)
    }
}
