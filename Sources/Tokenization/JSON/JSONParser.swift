/// A strict JSON reader (RFC 8259) over bytes.
struct JSONParser {
    /// Deeper nesting is refused, so that a hostile file cannot exhaust the stack.
    static let maximumDepth = 64

    private let bytes: [UInt8]
    private let file: String
    private var position = 0
    private var depth = 0

    /// Parses a whole file.
    static func parse(_ bytes: [UInt8], file: String) throws(TokenizerError) -> JSONNode {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw .invalidUTF8(file: file) }
        var parser = JSONParser(bytes: bytes, file: file)
        let value = try parser.value()
        guard parser.peek() == nil else { throw parser.failure("text after the value") }
        return JSONNode(value: value, key: "", file: file)
    }

    private init(bytes: [UInt8], file: String) {
        self.bytes = bytes
        self.file = file
    }

    private func failure(_ reason: String) -> TokenizerError {
        .invalidJSON(file: file, offset: position, reason: reason)
    }

    /// The next byte that is not white space, which stays unread.
    private mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            default: return bytes[position]
            }
        }
        return nil
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func expect(_ byte: UInt8) throws(TokenizerError) {
        guard skip(byte) else { throw failure("expected '\(Character(Unicode.Scalar(byte)))'") }
    }

    private mutating func value() throws(TokenizerError) -> JSONValue {
        switch peek() {
        case UInt8(ascii: "{"): return .object(try members())
        case UInt8(ascii: "["): return .array(try elements())
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case nil: throw failure("the text ends early")
        default: return try number()
        }
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(TokenizerError) -> JSONValue {
        let end = position + text.utf8CodeUnitCount
        let matches =
            end <= bytes.count && text.withUTF8Buffer { bytes[position..<end].elementsEqual($0) }
        guard matches else { throw failure("expected \(text)") }
        position = end
        return value
    }

    private mutating func enter() throws(TokenizerError) {
        depth += 1
        guard depth <= Self.maximumDepth else { throw failure("nested deeper than \(Self.maximumDepth)") }
        position += 1
    }

    private mutating func members() throws(TokenizerError) -> [JSONMember] {
        try enter()
        defer { depth -= 1 }
        var members: [JSONMember] = []
        if skip(UInt8(ascii: "}")) { return members }
        repeat {
            guard peek() == UInt8(ascii: "\"") else { throw failure("expected a key") }
            let key = try string()
            try expect(UInt8(ascii: ":"))
            members.append(JSONMember(key: key, value: try value()))
        } while skip(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
        return members
    }

    private mutating func elements() throws(TokenizerError) -> [JSONValue] {
        try enter()
        defer { depth -= 1 }
        var elements: [JSONValue] = []
        if skip(UInt8(ascii: "]")) { return elements }
        repeat {
            elements.append(try value())
        } while skip(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
        return elements
    }
}

// MARK: - Strings

extension JSONParser {
    /// Reads a string from its opening quote and undoes the escapes.
    private mutating func string() throws(TokenizerError) -> ArraySlice<UInt8> {
        position += 1
        var text: [UInt8] = []
        let start = position
        var runStart = position
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let run = bytes[runStart..<position]
                position += 1
                return runStart == start ? run : text + run
            case UInt8(ascii: "\\"):
                text.append(contentsOf: bytes[runStart..<position])
                position += 1
                try appendEscape(to: &text)
                runStart = position
            case ..<0x20:
                throw failure("control character in a string")
            default:
                position += 1
            }
        }
        throw failure("the text ends inside a string")
    }

    private mutating func appendEscape(to text: inout [UInt8]) throws(TokenizerError) {
        guard position < bytes.count else { throw failure("the text ends inside a string") }
        let escape = bytes[position]
        position += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text.append(contentsOf: UTF8.encode(try escapedScalar()).map(Array.init) ?? [])
        default: throw failure("unknown escape")
        }
    }

    private mutating func escapedScalar() throws(TokenizerError) -> Unicode.Scalar {
        let unit = try codeUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard UTF16.isLeadSurrogate(UInt16(unit)), bytes[position...].starts(with: [0x5C, UInt8(ascii: "u")]) else {
            throw failure("lone surrogate")
        }
        position += 2
        let trail = try codeUnit()
        guard UTF16.isTrailSurrogate(UInt16(trail)),
            let scalar = Unicode.Scalar(0x10000 + (unit & 0x3FF) << 10 + (trail & 0x3FF))
        else { throw failure("lone surrogate") }
        return scalar
    }

    /// Four hexadecimal digits.
    private mutating func codeUnit() throws(TokenizerError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard position < bytes.count,
                let digit = Character(Unicode.Scalar(bytes[position])).hexDigitValue
            else { throw failure("expected four hexadecimal digits") }
            unit = unit << 4 | UInt32(digit)
            position += 1
        }
        return unit
    }
}

// MARK: - Numbers

extension JSONParser {
    private mutating func number() throws(TokenizerError) -> JSONValue {
        let start = position
        if byte == UInt8(ascii: "-") { position += 1 }
        let firstDigit = byte
        let wholeDigits = skipDigits()
        guard wholeDigits > 0 else { throw failure("expected a value") }
        guard wholeDigits == 1 || firstDigit != UInt8(ascii: "0") else { throw failure("number with a leading zero") }
        var isInteger = true
        if byte == UInt8(ascii: ".") {
            position += 1
            isInteger = false
            guard skipDigits() > 0 else { throw failure("expected a digit") }
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            position += 1
            isInteger = false
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { position += 1 }
            guard skipDigits() > 0 else { throw failure("expected a digit") }
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isInteger, let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text) else { throw failure("expected a number") }
        return .number(number)
    }

    private var byte: UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let digit = byte, UInt8(ascii: "0")...UInt8(ascii: "9") ~= digit { position += 1 }
        return position - start
    }
}
