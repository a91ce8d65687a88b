import Foundation

/// Runs a template.
///
/// It is made for one run: it counts what the run uses up, and keeps what the run makes that could refer to itself.
final class JinjaInterpreter {
    /// What statements do to the loop around them.
    enum Flow { case normal, breakLoop, continueLoop }

    let limits: JinjaLimits
    /// What `strftime_now` tells.
    let now: Date
    /// The line of what is evaluated, for errors.
    var line = 1
    var output = JinjaText()
    private var steps = 0
    private var stepLimit: Int
    private var made = 0
    private var madeLimit: Int
    private var depth = 0
    let root: JinjaScope
    /// Namespaces, scopes and loops that may refer to themselves, or form long chains. They are emptied in the end, one by one:
    /// nothing stays in memory, and no chain is released in one deep recursion.
    private var namespaces: [JinjaNamespace] = []
    private var scopes: [JinjaScope] = []
    private var watchers: [JinjaLoopState] = []

    init(limits: JinjaLimits, now: Date) {
        self.limits = limits
        self.now = now
        madeLimit = limits.made
        stepLimit = limits.steps
        let globals = JinjaScope(parent: nil)
        for function in JinjaFunction.allCases { globals.variables[function.rawValue] = .function(function) }
        root = JinjaScope(parent: globals)
    }

    deinit {
        for namespace in namespaces { namespace.attributes = [:] }
        for scope in scopes { scope.variables = [:] }
        for loop in watchers { loop.watched = nil }
    }

    /// Renders a template.
    ///
    /// - Parameter variables: the variables' names and values. Text in them comes from outside, but for that of trusted
    ///   ones.
    func render(_ statements: [JinjaStatement], variables: [JinjaVariable]) throws(JinjaError) -> JinjaText {
        for variable in variables {
            root.variables[variable.name] = try value(variable.value, isOutside: !variable.isTrusted)
        }
        let (added, overflows) = made.multipliedReportingOverflow(by: limits.madePerScalar)
        stepLimit = min(limits.steps + min(made, limits.mostSteps) * limits.stepsPerScalar, limits.mostSteps)
        let (sum, overflowsToo) = limits.made.addingReportingOverflow(added)
        madeLimit = overflows || overflowsToo ? limits.mostMade : min(sum, limits.mostMade)
        _ = try run(statements, root)
        return output
    }

    // MARK: Limits

    func failure(_ reason: String) -> JinjaError {
        JinjaError(kind: .evaluation, line: line, reason: reason.shortened(to: 1_000))
    }
    func unsupported(_ what: String) -> JinjaError {
        JinjaError(kind: .unsupported, line: line, reason: "\(what.shortened(to: 1_000)) isn't supported")
    }
    func limit(_ reason: String) -> JinjaError { JinjaError(kind: .limit, line: line, reason: reason) }

    /// Counts steps.
    func step(_ count: Int = 1) throws(JinjaError) {
        // A count may be as large as a number that a template states.
        steps += min(count, limits.mostSteps)
        if steps > stepLimit { throw limit("the template takes more than \(stepLimit) steps") }
    }

    /// Counts steps for looking at so many scalars, which is faster than evaluating.
    func scan(_ count: Int) throws(JinjaError) { try step(1 + count / 32) }

    /// Counts steps for looking up what Unicode says of so many scalars.
    func study(_ count: Int) throws(JinjaError) { try step(1 + count / 2) }

    /// Counts what is made before it is made.
    func make(_ count: Int) throws(JinjaError) {
        let (sum, overflows) = made.addingReportingOverflow(count)
        guard !overflows, sum <= madeLimit else { throw limit("the template makes too much text") }
        made = sum
    }

    /// Counts a level of recursion while something runs.
    func nested<Result>(_ body: () throws(JinjaError) -> Result) throws(JinjaError) -> Result {
        guard depth < limits.depth else { throw limit("nested deeper than \(limits.depth) levels") }
        depth += 1
        defer { depth -= 1 }
        return try body()
    }

    // MARK: Making values

    func list(_ values: [JinjaValue]) throws(JinjaError) -> JinjaValue { .list(try elements(values)) }

    func tuple(_ values: [JinjaValue]) throws(JinjaError) -> JinjaValue { .tuple(try elements(values)) }

    /// An element of what `groupby` makes.
    func group(_ values: [JinjaValue]) throws(JinjaError) -> JinjaValue {
        .tuple(try elements(values, isGroup: true))
    }

    private func elements(_ values: [JinjaValue], isGroup: Bool = false) throws(JinjaError) -> JinjaElements {
        try make(values.count * 8 + 8)
        let elements = JinjaElements(values, isGroup: isGroup)
        try check(depth: elements.depth)
        return elements
    }

    func iterator(_ values: [JinjaValue], type: String = "generator") throws(JinjaError) -> JinjaValue {
        try make(values.count * 8 + 8)
        let iterator = JinjaIterator(values, type: type)
        try check(depth: iterator.depth)
        return .iterator(iterator)
    }

    func dictionary(_ pairs: [(key: JinjaValue, value: JinjaValue)]) throws(JinjaError) -> JinjaValue {
        var keyed: [(key: JinjaKey, original: JinjaValue, value: JinjaValue)] = []
        keyed.reserveCapacity(pairs.count)
        for pair in pairs { keyed.append((try key(pair.key), pair.key, pair.value)) }
        try make(pairs.count * 32 + 32)
        try step(pairs.count * 2)
        let dictionary = JinjaDictionary(keyed)
        try check(depth: dictionary.depth)
        return .dictionary(dictionary)
    }

    func loopState(_ values: [JinjaValue]) throws(JinjaError) -> JinjaLoopState {
        try make(values.count * 8 + 8)
        let state = JinjaLoopState(values)
        try check(depth: state.depth)
        return state
    }

    func namespace() throws(JinjaError) -> JinjaNamespace {
        try make(64)
        let namespace = JinjaNamespace()
        namespaces.append(namespace)
        return namespace
    }

    /// Notes what a loop's `changed` was asked about.
    func watch(_ values: [JinjaValue], by loop: JinjaLoopState) {
        if loop.watched == nil { watchers.append(loop) }
        loop.watched = values
    }

    func macro(_ definition: JinjaMacroDefinition, _ scope: JinjaScope) throws(JinjaError) -> JinjaValue {
        try make(64)
        scopes.append(scope)
        return .macro(JinjaMacro(definition, scope: scope))
    }

    func check(depth: Int) throws(JinjaError) {
        if depth > limits.valueDepth { throw limit("values are nested deeper than \(limits.valueDepth) levels") }
    }

    func key(_ value: JinjaValue) throws(JinjaError) -> JinjaKey {
        guard let key = try possibleKey(value) else { throw failure("a \(value.typeName) can't be a key") }
        return key
    }

    /// The key that a value is in a dictionary; nil for a value that can't be one.
    ///
    /// A tuple of tuples that are one and the same object can have far more elements than memory holds, so each counts.
    func possibleKey(_ value: JinjaValue) throws(JinjaError) -> JinjaKey? {
        switch value {
        case .text(let text):
            // Hashing is slower than looking.
            try study(text.count)
            return .text(text)
        case .tuple(let elements):
            try step(4)
            var keys: [JinjaKey] = []
            for element in elements.values {
                guard let key = try nested({ () throws(JinjaError) in try possibleKey(element) }) else { return nil }
                keys.append(key)
            }
            return .tuple(keys)
        default:
            try step()
            return value.simpleKey
        }
    }

    /// A value from outside.
    private func value(_ value: TemplateValue, isOutside: Bool, depth: Int = 0) throws(JinjaError) -> JinjaValue {
        try check(depth: depth)
        switch value {
        case .null: return .null
        case .bool(let bool): return .bool(bool)
        case .integer(let integer): return .integer(integer)
        case .double(let double): return .float(double)
        case .string(let string): return .text(try text(string, isOutside: isOutside))
        case .array(let elements):
            var values: [JinjaValue] = []
            values.reserveCapacity(elements.count)
            for element in elements {
                values.append(try self.value(element, isOutside: isOutside, depth: depth + 1))
            }
            return try list(values)
        case .object(let members):
            var pairs: [(key: JinjaValue, value: JinjaValue)] = []
            pairs.reserveCapacity(members.count)
            for member in members {
                // A role that templates know is as good as one that they spell themselves.
                var isMemberOutside = isOutside
                if member.key == "role", case .string(let role) = member.value, ChatFormat.knownRoles.contains(role) {
                    isMemberOutside = false
                }
                pairs.append(
                    (
                        .text(try text(member.key, isOutside: isOutside)),
                        try self.value(member.value, isOutside: isMemberOutside, depth: depth + 1)
                    ))
            }
            return try dictionary(pairs)
        }
    }

    private func text(_ string: String, isOutside: Bool) throws(JinjaError) -> JinjaText {
        let text = JinjaText(string, isOutside: isOutside)
        // What is given counts as made, so that `madePerScalar` sees its size; it can't exceed the limit yet.
        made += text.count
        return text
    }
}

/// A variable of a template.
struct JinjaVariable {
    let name: String
    let value: TemplateValue
    /// Whether text in it is as good as that of the template: the tokenizer's own tokens.
    var isTrusted = false
}
