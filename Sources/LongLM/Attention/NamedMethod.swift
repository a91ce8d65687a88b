/// An attention method with a name, whose settings can be written as a text.
///
/// The text of a method is its name and its settings with colons between them, such as `string:2730:128`. Commands,
/// evaluations and saved sessions use it.
package protocol NamedMethod: AttentionMethod {
    /// The text's beginning, such as `string`: lower case, and no other method's.
    static var name: String { get }

    /// What the method is called in prose, such as `STRING`.
    static var title: String { get }

    /// What a text looks like, with an example.
    static var form: String { get }

    /// Reads the settings after the name; nil: they have another form. What is left over makes the text invalid.
    init?(_ settings: inout SettingsReader)

    /// The settings after the name, as the initialiser reads them. Every value comes back to the last bit.
    var settings: String { get }

    /// Its settings for texts of `length` tokens and a model that was trained for `trainedContext`. Both are checked.
    ///
    /// - Throws: ``AttentionError`` if the method doesn't reach that length with any settings.
    static func recommended(length: Int, trainedContext: Int) throws(AttentionError) -> Self

    /// The settings that a model's own files state; nil: they state none, or none for a model that was trained for
    /// `trainedContext`.
    static func published(for model: ModelConfiguration, trainedContext: Int) -> Self?

    /// The case of the list that holds it.
    var mode: AttentionMode { get }
}

extension NamedMethod {
    package static func published(for _: ModelConfiguration, trainedContext _: Int) -> Self? { nil }

    /// The name and the settings.
    package var text: String { settings.isEmpty ? Self.name : "\(Self.name):\(settings)" }
}

/// The settings of a text, taken one after the other.
package struct SettingsReader {
    private var rest: ArraySlice<Substring>

    /// The parts between colons.
    init(_ parts: some Sequence<Substring>) { rest = ArraySlice(Array(parts)) }

    /// Whether all have been taken.
    var isAtEnd: Bool { rest.isEmpty }

    /// Takes a part that can be read; otherwise, it stays.
    private mutating func take<Value>(_ read: (Substring) -> Value?) -> Value? {
        guard let value = rest.first.flatMap(read) else { return nil }
        rest.removeFirst()
        return value
    }

    /// Takes a whole number, of which sums and differences don't overflow.
    mutating func integer() -> Int? { take(Self.wholeNumber) }

    private static func wholeNumber(_ text: Substring) -> Int? {
        Int(text).flatMap { $0.magnitude <= 1 << 32 ? $0 : nil }
    }

    /// Takes a finite number.
    mutating func number() -> Double? {
        take { part in Double(part).flatMap { $0.isFinite ? $0 : nil } }
    }

    /// Takes whole numbers with commas between them.
    mutating func integers() -> [Int]? {
        take { part in
            let numbers = part.split(separator: ",", omittingEmptySubsequences: false).map(Self.wholeNumber)
            return numbers.contains(nil) ? nil : numbers.compactMap { $0 }
        }
    }

    /// Takes a word of a list.
    mutating func word<Word: RawRepresentable>(_: Word.Type) -> Word? where Word.RawValue == String {
        take { Word(rawValue: String($0)) }
    }

    /// Takes the name of a value.
    mutating func value<Value>(named values: [(name: String, value: Value)]) -> Value? {
        take { part in values.first { $0.name == part }?.value }
    }

    /// Takes `scale=b`, a base of the query scale, if it comes next.
    mutating func scaleBase() -> Float? {
        take { part in part.hasPrefix(scalePrefix) ? Float(part.dropFirst(scalePrefix.count)) : nil }
    }
}

private let scalePrefix = "scale="

/// What ``SettingsReader/scaleBase()`` takes, with a colon before it.
func scaleText(_ base: Float?) -> String { base.map { ":\(scalePrefix)\($0)" } ?? "" }

/// A number as short as can be: whole ones without a decimal point.
func settingText(_ number: Double) -> String {
    Int(exactly: number).flatMap { $0.magnitude < 1 << 53 ? "\($0)" : nil } ?? "\(number)"
}
