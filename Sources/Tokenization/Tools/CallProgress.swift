/// How far a call has come: which of its form's parts have been read.
struct CallProgress: Sendable {
    enum Verdict {
        case unfinished
        /// The byte was the call's last.
        case complete
        /// The byte doesn't belong to a call. As many bytes before it as `matched` belong to a mark that isn't there.
        case failed(matched: Int)
    }

    /// The longest name or id, in bytes.
    private static let maximumNameLength = 256

    private let parts: [ToolCallForm.Part]
    /// Whether no mark stands before the call.
    let isBare: Bool
    private var index = 0
    /// How much of the literal that is being read has been read.
    private var matched = 0
    private var literal: [UInt8] = []
    private var scanner = JSONScanner()
    /// The JSON that has been read.
    private var json: [UInt8] = []
    private var name: [UInt8] = []
    private var identifier: [UInt8] = []
    private var digitCount = 0

    init(_ parts: [ToolCallForm.Part], isBare: Bool) {
        self.parts = parts
        self.isBare = isBare
        prepare()
    }

    /// Whether nothing but closing marks is missing.
    var isComplete: Bool {
        guard !json.isEmpty else { return false }
        return parts[index...].allSatisfy { part in
            switch part {
            case .space, .literal: true
            default: false
            }
        }
    }

    /// The calls; nil where what has been read is none. To be asked when it is complete.
    var calls: [ToolCall]? {
        for part in parts {
            switch part {
            case .call(let keys):
                return ToolCallReader(keys: keys, isStrict: isBare).calls(json, isArray: false)
            case .calls(let keys):
                return ToolCallReader(keys: keys, isStrict: isBare).calls(json, isArray: true)
            case .arguments:
                guard let arguments = ToolCallReader.arguments(String(decoding: json, as: UTF8.self)) else {
                    return nil
                }
                let id = identifier.isEmpty ? nil : String(decoding: identifier, as: UTF8.self)
                return [ToolCall(id: id, name: String(decoding: name, as: UTF8.self), arguments: arguments)]
            default: continue
            }
        }
        return nil
    }

    mutating func append(_ byte: UInt8) -> Verdict {
        while index < parts.count {
            switch parts[index] {
            case .space:
                if byte.isJSONSpace { return .unfinished }
                next()
            case .literal:
                guard literal[matched] == byte else { return .failed(matched: matched) }
                matched += 1
                return matched == literal.count ? advance() : .unfinished
            case .name:
                if byte.isOfName { return Self.extend(&name, byte) }
                guard !name.isEmpty else { return .failed(matched: 0) }
                next()
            case .identifier:
                if byte.isOfName { return Self.extend(&identifier, byte) }
                guard !identifier.isEmpty else { return .failed(matched: 0) }
                next()
            case .number:
                if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte), digitCount < 20 {
                    digitCount += 1
                    return .unfinished
                }
                guard digitCount > 0 else { return .failed(matched: 0) }
                next()
            case .arguments: return scan(byte, opening: UInt8(ascii: "{"), keys: nil)
            case .call(let keys): return scan(byte, opening: UInt8(ascii: "{"), keys: keys)
            case .calls(let keys): return scan(byte, opening: UInt8(ascii: "["), keys: keys)
            }
        }
        return .failed(matched: 0)
    }

    private static func extend(_ name: inout [UInt8], _ byte: UInt8) -> Verdict {
        guard name.count < maximumNameLength else { return .failed(matched: 0) }
        name.append(byte)
        return .unfinished
    }

    /// - Parameter keys: The keys of a call; nil for arguments.
    private mutating func scan(_ byte: UInt8, opening: UInt8, keys: ToolCallForm.Keys?) -> Verdict {
        guard !json.isEmpty || byte == opening else { return .failed(matched: 0) }
        switch scanner.append(byte) {
        case .malformed: return .failed(matched: 0)
        case .firstKey:
            // Other JSON than that of calls is passed on at once.
            if let keys, !keys.all.contains(where: { scanner.firstKey.elementsEqual($0.utf8) }) {
                return .failed(matched: 0)
            }
            json.append(byte)
            return .unfinished
        case .inside:
            json.append(byte)
            return .unfinished
        case .end:
            json.append(byte)
            return advance()
        }
    }

    private mutating func advance() -> Verdict {
        next()
        return index == parts.count ? .complete : .unfinished
    }

    private mutating func next() {
        index += 1
        prepare()
    }

    private mutating func prepare() {
        matched = 0
        if index < parts.count, case .literal(let text) = parts[index] { literal = Array(text.utf8) }
    }
}

extension ToolCallForm.Keys {
    /// The keys that a call's object may begin with.
    var all: [String] { [name, arguments, "type", "id"] + (identifier.map { [$0] } ?? []) }
}

extension UInt8 {
    /// Whether it may stand in a function's name where no quotes are around it.
    fileprivate var isOfName: Bool {
        switch self {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}
