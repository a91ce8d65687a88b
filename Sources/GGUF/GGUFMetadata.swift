/// The keys of a file and their values, in the order of the file.
public struct GGUFMetadata: Sendable {
    /// The file, which errors name.
    public let file: String
    /// The keys, in the order of the file.
    public let keys: [String]
    private let values: [GGUFValue]
    /// By bytes: Swift takes two strings for equal when they differ only in Unicode normalisation, the format doesn't.
    private let places: [[UInt8]: Int]

    init(file: String, entries: [(key: String, value: GGUFValue)]) {
        self.file = file
        keys = entries.map(\.key)
        values = entries.map(\.value)
        places = Dictionary(
            uniqueKeysWithValues: entries.enumerated().map { (Array($0.element.key.utf8), $0.offset) })
    }

    /// The value of a key; nil when there is no such key.
    public subscript(key: String) -> GGUFValue? { places[Array(key.utf8)].map { values[$0] } }

    /// A text; nil when there is no such key.
    ///
    /// - Throws: ``GGUFError/wrongValueType(file:key:found:expected:)``.
    public func string(_ key: String) throws(GGUFError) -> String? { try value(key, "a string", \.string) }

    /// An integer of any type; nil when there is no such key.
    ///
    /// - Throws: ``GGUFError/wrongValueType(file:key:found:expected:)``.
    public func integer(_ key: String) throws(GGUFError) -> Int? { try value(key, "an integer", \.integer) }

    /// A float or an integer; nil when there is no such key.
    ///
    /// - Throws: ``GGUFError/wrongValueType(file:key:found:expected:)``.
    public func number(_ key: String) throws(GGUFError) -> Double? { try value(key, "a number", \.number) }

    /// A truth value; nil when there is no such key.
    ///
    /// - Throws: ``GGUFError/wrongValueType(file:key:found:expected:)``.
    public func bool(_ key: String) throws(GGUFError) -> Bool? { try value(key, "a truth value", \.bool) }

    /// A list of texts; nil when there is no such key.
    ///
    /// - Throws: ``GGUFError/wrongValueType(file:key:found:expected:)``.
    public func strings(_ key: String) throws(GGUFError) -> [String]? {
        try value(key, "an array of strings") { $0.array?.strings }
    }

    /// A list of integers; nil when there is no such key.
    ///
    /// - Throws: ``GGUFError/wrongValueType(file:key:found:expected:)``.
    public func integers(_ key: String) throws(GGUFError) -> [Int]? {
        try value(key, "an array of integers") { $0.array?.integers }
    }

    /// A list of floats or integers; nil when there is no such key.
    ///
    /// - Throws: ``GGUFError/wrongValueType(file:key:found:expected:)``.
    public func numbers(_ key: String) throws(GGUFError) -> [Double]? {
        try value(key, "an array of numbers") { $0.array?.numbers }
    }

    /// The integers of a list, or one integer by itself; nil when there is no such key. Sizes that may differ from layer to
    /// layer are stored in either form.
    ///
    /// - Throws: ``GGUFError/wrongValueType(file:key:found:expected:)``.
    public func integerOrIntegers(_ key: String) throws(GGUFError) -> [Int]? {
        try value(key, "an integer or an array of them") { $0.integer.map { [$0] } ?? $0.array?.integers }
    }

    private func value<Value>(
        _ key: String, _ expected: String, _ convert: (GGUFValue) -> Value?
    ) throws(GGUFError) -> Value? {
        guard let value = self[key] else { return nil }
        guard let converted = convert(value) else {
            throw .wrongValueType(file: file, key: key, found: value.typeName, expected: expected)
        }
        return converted
    }
}
