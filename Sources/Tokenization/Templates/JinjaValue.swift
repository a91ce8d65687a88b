/// A value while a template runs: those of Python that Jinja's sandbox lets a template see.
enum JinjaValue {
    /// Nothing; the text says what is missing. It prints as nothing and has no attributes.
    case undefined(String)
    case null
    case bool(Bool)
    /// Python's integers have no bounds; one that doesn't fit is an error here.
    case integer(Int)
    case float(Double)
    case text(JinjaText)
    case list(JinjaElements)
    case tuple(JinjaElements)
    case range(JinjaRange)
    case dictionary(JinjaDictionary)
    /// What `keys`, `values` and `items` of a dictionary return.
    case view(JinjaDictionary.Part, of: JinjaDictionary)
    /// What filters such as `map` return: values that can be taken once.
    case iterator(JinjaIterator)
    case namespace(JinjaNamespace)
    case loop(JinjaLoopState)
    case macro(JinjaMacro)
    case function(JinjaFunction)
    case method(JinjaMethod)
}

/// The elements of a list or a tuple. Templates can't change them.
final class JinjaElements {
    let values: [JinjaValue]
    /// How many levels of values there are in it.
    let depth: Int
    /// Whether `groupby` made it: its two elements then have the names `grouper` and `list`.
    let isGroup: Bool

    init(_ values: [JinjaValue], isGroup: Bool = false) {
        self.values = values
        self.isGroup = isGroup
        depth = 1 + (values.lazy.map(\.depth).max() ?? 0)
    }
}

/// Python's `range`.
struct JinjaRange: Equatable {
    let start: Int
    /// Beyond the last number; only printing shows it.
    let end: Int
    let step: Int
    let count: Int

    subscript(index: Int) -> Int { start + index * step }
}

/// A dictionary, in the order in which its keys came. Templates can't change it.
final class JinjaDictionary {
    enum Part: String { case keys, values, items }

    let pairs: [(key: JinjaValue, value: JinjaValue)]
    private let indices: [JinjaKey: Int]
    let depth: Int

    /// Later values take the place of earlier ones of the same key.
    ///
    /// - Parameter pairs: nil keys are those of values that can't be keys.
    init(_ pairs: [(key: JinjaKey, original: JinjaValue, value: JinjaValue)]) {
        var indices: [JinjaKey: Int] = [:]
        var kept: [(key: JinjaValue, value: JinjaValue)] = []
        var depth = 0
        indices.reserveCapacity(pairs.count)
        for pair in pairs {
            if let index = indices[pair.key] {
                kept[index].value = pair.value
            } else {
                indices[pair.key] = kept.count
                kept.append((pair.original, pair.value))
            }
            depth = max(depth, pair.value.depth, pair.original.depth)
        }
        self.pairs = kept
        self.indices = indices
        self.depth = 1 + depth
    }

    func value(of key: JinjaKey) -> JinjaValue? { indices[key].map { pairs[$0].value } }

    func value(of name: String) -> JinjaValue? { value(of: .text(JinjaText(name))) }
}

/// What can be a key of a dictionary. Numbers and truth values are equal as they are in Python.
enum JinjaKey: Hashable {
    case null
    case integer(Int)
    case float(Double)
    case text(JinjaText)
    case tuple([JinjaKey])
    case range(Int, Int, Int)
    case object(ObjectIdentifier)
}

/// Values that can be taken once.
final class JinjaIterator {
    private var values: [JinjaValue]
    /// How many of the values have been taken.
    private var taken = 0
    let depth: Int
    /// What Python calls it.
    let type: String

    /// How many values are left.
    var count: Int { values.count - taken }

    init(_ values: [JinjaValue], type: String = "generator") {
        self.values = values
        self.type = type
        depth = 1 + (values.lazy.map(\.depth).max() ?? 0)
    }

    /// Takes all that are left.
    func takeAll() -> [JinjaValue] {
        defer { (values, taken) = ([], 0) }
        return taken == 0 ? values : Array(values[taken...])
    }

    /// Takes those up to the first one of which this is true, and says whether there is one.
    func takeUntil<Failure>(
        _ isWanted: (JinjaValue) throws(Failure) -> Bool
    ) throws(Failure) -> JinjaValue? {
        while taken < values.count {
            let value = values[taken]
            taken += 1
            if try isWanted(value) { return value }
        }
        (values, taken) = ([], 0)
        return nil
    }
}

/// What `namespace()` makes: attributes that a template can set from within loops.
final class JinjaNamespace {
    var attributes: [String: JinjaValue] = [:]
    /// In the order in which they were set first.
    var names: [String] = []

    func set(_ name: String, _ value: JinjaValue) {
        if attributes.updateValue(value, forKey: name) == nil { names.append(name) }
    }
}

/// The variable `loop`.
final class JinjaLoopState {
    let elements: [JinjaValue]
    let depth: Int
    var index = 0
    /// What `changed` was asked about last.
    var watched: [JinjaValue]?

    init(_ elements: [JinjaValue]) {
        self.elements = elements
        depth = 1 + (elements.lazy.map(\.depth).max() ?? 0)
    }
}

/// A macro with the variables that it can see.
final class JinjaMacro {
    let definition: JinjaMacroDefinition
    let scope: JinjaScope

    init(_ definition: JinjaMacroDefinition, scope: JinjaScope) {
        self.definition = definition
        self.scope = scope
    }
}

/// A global function.
enum JinjaFunction: String, CaseIterable {
    case range, dict, namespace
    case raise = "raise_exception"
    case now = "strftime_now"
    // Functions of Jinja that chat templates have no use for.
    case cycler, joiner, lipsum
}

/// A method with the value that it belongs to.
final class JinjaMethod {
    let receiver: JinjaValue
    let name: String

    init(_ receiver: JinjaValue, _ name: String) {
        self.receiver = receiver
        self.name = name
    }
}

/// The variables of a part of a template, and what is around it.
final class JinjaScope {
    var variables: [String: JinjaValue] = [:]
    let parent: JinjaScope?
    /// How many scopes there are around it.
    let level: Int

    init(parent: JinjaScope?) {
        self.parent = parent
        level = parent.map { $0.level + 1 } ?? 0
    }

    func value(of name: String) -> JinjaValue? {
        var scope: JinjaScope? = self
        while let current = scope {
            if let value = current.variables[name] { return value }
            scope = current.parent
        }
        return nil
    }
}

extension JinjaValue {
    init(_ string: String) { self = .text(JinjaText(string)) }

    /// How many levels of values there are in it; 0 for one that holds no others.
    var depth: Int {
        switch self {
        case .list(let elements), .tuple(let elements): elements.depth
        case .dictionary(let dictionary), .view(_, let dictionary): dictionary.depth
        case .iterator(let iterator): iterator.depth
        case .loop(let loop): loop.depth
        case .method(let method): method.receiver.depth + 1
        default: 0
        }
    }

    /// What Python calls its type.
    var typeName: String {
        switch self {
        case .undefined: "Undefined"
        case .null: "NoneType"
        case .bool: "bool"
        case .integer: "int"
        case .float: "float"
        case .text(let text): text.isMarkup ? "Markup" : "str"
        case .list: "list"
        case .tuple: "tuple"
        case .range: "range"
        case .dictionary: "dict"
        case .view(let part, _): "dict_\(part.rawValue)"
        case .iterator(let iterator): iterator.type
        case .namespace: "Namespace"
        case .loop: "LoopContext"
        case .macro: "Macro"
        case .function, .method: "function"
        }
    }

    var isNull: Bool { if case .null = self { true } else { false } }
    var isUndefined: Bool { if case .undefined = self { true } else { false } }

    /// Python's truth.
    var isTrue: Bool {
        switch self {
        case .undefined, .null: false
        case .bool(let bool): bool
        case .integer(let integer): integer != 0
        case .float(let float): float != 0
        case .text(let text): !text.isEmpty
        case .list(let elements), .tuple(let elements): !elements.values.isEmpty
        case .range(let range): range.count > 0
        case .dictionary(let dictionary), .view(_, let dictionary): !dictionary.pairs.isEmpty
        case .loop(let loop): !loop.elements.isEmpty
        case .iterator, .namespace, .macro, .function, .method: true
        }
    }

    /// The number, where this is one; truth values are 0 and 1.
    var integer: Int? {
        switch self {
        case .integer(let integer): integer
        case .bool(let bool): bool ? 1 : 0
        default: nil
        }
    }

    var float: Double? {
        if case .float(let float) = self { float } else { integer.map(Double.init) }
    }

    var text: JinjaText? { if case .text(let text) = self { text } else { nil } }

    /// The key that it is in a dictionary; nil for a tuple, and for a value that can't be one.
    var simpleKey: JinjaKey? {
        switch self {
        case .undefined: .object(ObjectIdentifier(JinjaScope.self))
        case .null: JinjaKey.null
        case .bool, .integer: integer.map { .integer($0) }
        case .float(let float): Int(exactly: float).map { .integer($0) } ?? .float(float)
        case .text(let text): .text(text)
        case .range(let range): .range(range.start, range.step, range.count)
        case .iterator(let iterator): .object(ObjectIdentifier(iterator))
        case .namespace(let namespace): .object(ObjectIdentifier(namespace))
        case .loop(let loop): .object(ObjectIdentifier(loop))
        case .macro(let macro): .object(ObjectIdentifier(macro))
        case .method(let method): .object(ObjectIdentifier(method))
        case .function(let function): .text(JinjaText(function.rawValue))
        case .tuple, .list, .dictionary, .view: nil
        }
    }
}

extension JinjaDictionary {
    /// The elements of a view.
    func elements(_ part: Part) -> [JinjaValue] {
        switch part {
        case .keys: pairs.map(\.key)
        case .values: pairs.map(\.value)
        case .items: pairs.map { .tuple(JinjaElements([$0.key, $0.value])) }
        }
    }
}
