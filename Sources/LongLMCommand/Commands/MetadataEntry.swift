import LongLM

/// A key of a GGUF file's metadata, as `inspect` shows it.
struct MetadataEntry: Encodable {
    let key: String
    /// The type, of an array with that of its elements: `array of string`.
    let type: String
    /// The elements of an array; absent for other values.
    private let count: Int?
    private let value: Value

    /// A value in JSON. Of an array, only the first elements.
    private enum Value: Encodable {
        case string(String)
        case number(Double)
        case integer(Int)
        case unsigned(UInt64)
        case bool(Bool)
        case list([Value])

        init(_ value: GGUFValue, depth: Int = 0) {
            switch value {
            case .string(let text): self = .string(text)
            case .bool(let bool): self = .bool(bool)
            case .uint64(let integer): self = .unsigned(integer)
            // The shortest decimal, which the wider type keeps. JSON has no infinities.
            case .float32(let number):
                self = Double("\(number)").flatMap { $0.isFinite ? .number($0) : nil } ?? .string("\(number)")
            case .float64(let number): self = number.isFinite ? .number(number) : .string("\(number)")
            case .array where depth > 1: self = .string(value.typeName)
            case .array(let array):
                self = .list(array.prefix(MetadataEntry.shownElementCount).map { Value($0, depth: depth + 1) })
            default: self = .integer(value.integer ?? 0)
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .string(let text): try container.encode(text)
            case .number(let number): try container.encode(number)
            case .integer(let integer): try container.encode(integer)
            case .unsigned(let integer): try container.encode(integer)
            case .bool(let bool): try container.encode(bool)
            case .list(let values): try container.encode(values)
            }
        }

        /// For a table: one line, and not a long one.
        var text: String {
            switch self {
            case .string(let text):
                let shown = text.prefix(MetadataEntry.shownCharacterCount)
                return "\"\(String(shown).singleLine)\(shown.endIndex == text.endIndex ? "" : "…")\""
            case .number(let number): return "\(number)"
            case .integer(let integer): return "\(integer)"
            case .unsigned(let integer): return "\(integer)"
            case .bool(let bool): return "\(bool)"
            case .list(let values): return values.map(\.text).joined(separator: ", ")
            }
        }
    }

    /// How many elements of an array and characters of a text are shown.
    private static let (shownElementCount, shownCharacterCount) = (6, 80)

    /// All keys, in the order of the file.
    static func all(of metadata: GGUFMetadata) -> [MetadataEntry] {
        metadata.keys.compactMap { key in
            metadata[key].map {
                MetadataEntry(key: key, type: $0.typeName, count: $0.array?.count, value: Value($0))
            }
        }
    }

    /// A table of keys and values.
    static func lines(_ entries: [MetadataEntry]) -> [String] {
        let width = entries.map(\.key.count).max() ?? 0
        return entries.map { entry in
            var text = entry.value.text
            if let count = entry.count {
                let remark = count > shownElementCount ? ", … (\(count.grouped) in all)" : ""
                text = "[\(text)\(remark)]"
            }
            return "\(entry.key.singleLine.aligned(left: width))  \(text)"
        }
    }
}
