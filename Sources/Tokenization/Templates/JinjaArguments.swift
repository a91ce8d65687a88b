/// What a function, filter or test is called with.
struct JinjaArguments {
    var positional: [JinjaValue] = []
    var named: [(name: String, value: JinjaValue)] = []
    /// The names among them that came from outside, with `**`.
    var outsideNames: Set<String> = []

    init(_ positional: [JinjaValue] = []) { self.positional = positional }

    /// A name as a value, which remembers its origin.
    func nameValue(_ name: String) -> JinjaValue {
        .text(JinjaText(name, isOutside: outsideNames.contains(name)))
    }

    func value(named name: String) -> JinjaValue? { named.first { $0.name == name }?.value }
}

extension JinjaInterpreter {
    /// The arguments by the names of parameters; nil for one that isn't given.
    ///
    /// - Parameter required: how many must be given.
    func bind(
        _ arguments: JinjaArguments, to function: String, _ names: [String], required: Int = 0
    ) throws(JinjaError) -> [JinjaValue?] {
        guard arguments.positional.count <= names.count else {
            throw failure("\(function) takes at most \(names.count) arguments, not \(arguments.positional.count)")
        }
        var values: [JinjaValue?] = arguments.positional
        values += Array(repeating: nil, count: names.count - values.count)
        for (name, value) in arguments.named {
            guard let index = names.firstIndex(of: name) else { throw failure("\(function) has no argument \(name)") }
            guard values[index] == nil else { throw failure("\(function) gets two arguments \(name)") }
            values[index] = value
        }
        if let missing = values[..<required].firstIndex(where: { $0 == nil }) {
            throw failure("\(function) needs the argument \(names[missing])")
        }
        return values
    }

    /// An argument that must be an integer; nil for one that isn't given, or is None.
    func integer(_ value: JinjaValue?, _ function: String) throws(JinjaError) -> Int? {
        switch value {
        case nil, .some(.null): return nil
        case .some(let value):
            guard let integer = value.integer else {
                throw failure("\(function) needs an integer, not a \(value.typeName)")
            }
            return integer
        }
    }

    /// An argument that must be a text.
    func text(_ value: JinjaValue?, _ function: String) throws(JinjaError) -> JinjaText? {
        switch value {
        case nil, .some(.null): return nil
        case .some(let value):
            guard let text = value.text else { throw failure("\(function) needs a string, not a \(value.typeName)") }
            return text
        }
    }
}
