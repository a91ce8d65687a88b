/// Reads the JSON of headers and indices token by token.
///
/// The package's own because Foundation's decoders keep one of two equal keys in silence, and take two keys for equal
/// that differ in Unicode normalisation. It reads only what its callers ask for, never deeper than they nest, and
/// allocates nothing but what it has read.
struct JSONScanner {
    /// Where a document departs from the expected form.
    struct Failure: Error {
        let offset: Int
        let reason: String
    }

    private let bytes: UnsafeRawBufferPointer
    private(set) var offset = 0

    /// - Parameter bytes: The document. Where it isn't UTF-8, strings are repaired in silence.
    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// Whether bytes are UTF-8, found out without a copy of them.
    static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .valid: continue
            case .emptyInput: return true
            case .error: return false
            }
        }
    }

    private func failure(_ reason: String) -> Failure { Failure(offset: offset, reason: reason) }

    mutating func skipSpace() {
        while offset < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[offset]) { offset += 1 }
    }

    /// The next byte after white space, if there is one.
    mutating func peek() -> UInt8? {
        skipSpace()
        return offset < bytes.count ? bytes[offset] : nil
    }

    mutating func expect(_ character: Unicode.Scalar) throws(Failure) {
        guard peek() == UInt8(ascii: character) else { throw failure("expected \(character)") }
        offset += 1
    }

    mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek() == UInt8(ascii: character) else { return false }
        offset += 1
        return true
    }

    mutating func expectEnd() throws(Failure) {
        if peek() != nil { throw failure("unexpected characters after the end") }
    }

    /// Calls `member` at each value of an object, with its key.
    mutating func object<E: Error>(
        _ failed: (Failure) -> E, _ member: (inout JSONScanner, String) throws(E) -> Void
    ) throws(E) {
        do {
            try expect("{")
        } catch { throw failed(error) }
        if take("}") { return }
        while true {
            let key: String
            do {
                key = try string()
                try expect(":")
            } catch { throw failed(error) }
            try member(&self, key)
            if take("}") { return }
            do {
                try expect(",")
            } catch { throw failed(error) }
        }
    }

    /// An array of non-negative integers.
    mutating func integers() throws(Failure) -> [Int] {
        try expect("[")
        if take("]") { return [] }
        var values: [Int] = []
        while true {
            values.append(try integer())
            if take("]") { return values }
            try expect(",")
        }
    }

    /// A non-negative integer.
    mutating func integer() throws(Failure) -> Int {
        guard let first = peek(), (0x30...0x39).contains(first) else { throw failure("expected an integer") }
        var value = 0
        let start = offset
        while offset < bytes.count, (0x30...0x39).contains(bytes[offset]) {
            let (tenfold, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, overflowAgain) = tenfold.addingReportingOverflow(Int(bytes[offset] - 0x30))
            if overflow || overflowAgain { throw failure("the integer is too large") }
            value = sum
            offset += 1
        }
        if first == 0x30, offset - start > 1 { throw failure("the integer begins with a zero") }
        if offset < bytes.count, [0x2e, 0x45, 0x65].contains(bytes[offset]) { throw failure("expected an integer") }
        return value
    }

    /// A string, its escapes resolved.
    mutating func string() throws(Failure) -> String {
        guard peek() == UInt8(ascii: "\"") else { throw failure("expected a string") }
        offset += 1
        var characters: [UInt8] = []
        while offset < bytes.count {
            let byte = bytes[offset]
            switch byte {
            case UInt8(ascii: "\""):
                offset += 1
                return String(decoding: characters, as: UTF8.self)
            case UInt8(ascii: "\\"):
                offset += 1
                characters.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20: throw failure("a control character in a string")
            default:
                characters.append(byte)
                offset += 1
            }
        }
        throw failure("the string does not end")
    }

    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        guard offset < bytes.count else { throw failure("the string does not end") }
        let byte = bytes[offset]
        offset += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): break
        default: throw failure("unknown escape")
        }
        let unit = try hexadecimal()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        // Half of a surrogate pair: the other half must follow.
        guard unit < 0xdc00, offset + 1 < bytes.count, bytes[offset] == UInt8(ascii: "\\"),
            bytes[offset + 1] == UInt8(ascii: "u")
        else { throw failure("half a surrogate pair") }
        offset += 2
        let low = try hexadecimal()
        guard (0xdc00...0xdfff).contains(low),
            let scalar = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00))
        else { throw failure("half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard offset < bytes.count, let digit = Character(Unicode.Scalar(bytes[offset])).hexDigitValue,
                bytes[offset] < 0x80
            else { throw failure("expected four hexadecimal digits") }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    /// Passes over one value of any kind, to a bounded depth.
    mutating func skipValue(depth: Int = 0) throws(Failure) {
        guard depth < 64 else { throw failure("nested too deeply") }
        switch peek() {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            offset += 1
            if take("}") { return }
            while true {
                _ = try string()
                try expect(":")
                try skipValue(depth: depth + 1)
                if take("}") { return }
                try expect(",")
            }
        case UInt8(ascii: "["):
            offset += 1
            if take("]") { return }
            while true {
                try skipValue(depth: depth + 1)
                if take("]") { return }
                try expect(",")
            }
        case UInt8(ascii: "t"): try skipWord("true")
        case UInt8(ascii: "f"): try skipWord("false")
        case UInt8(ascii: "n"): try skipWord("null")
        default: try skipNumber()
        }
    }

    private mutating func skipWord(_ word: StaticString) throws(Failure) {
        let end = offset + word.utf8CodeUnitCount
        let expected = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
        guard end <= bytes.count, bytes[offset..<end].elementsEqual(expected) else {
            throw failure("expected a value")
        }
        offset = end
    }

    /// Passes over a number: `-`, an integer, a fraction and an exponent, all but the integer optional.
    private mutating func skipNumber() throws(Failure) {
        if nextByte(isOneOf: "-") { offset += 1 }
        let beginsWithZero = nextByte(isOneOf: "0")
        if try skipDigits() > 1, beginsWithZero { throw failure("the number begins with a zero") }
        if nextByte(isOneOf: ".") {
            offset += 1
            _ = try skipDigits()
        }
        if nextByte(isOneOf: "eE") {
            offset += 1
            if nextByte(isOneOf: "+-") { offset += 1 }
            _ = try skipDigits()
        }
    }

    /// Passes over at least one digit, and returns how many there were.
    private mutating func skipDigits() throws(Failure) -> Int {
        let start = offset
        while nextByte(isOneOf: "0123456789") { offset += 1 }
        guard offset > start else { throw failure("expected a value") }
        return offset - start
    }

    private func nextByte(isOneOf characters: String) -> Bool {
        offset < bytes.count && characters.utf8.contains(bytes[offset])
    }
}
