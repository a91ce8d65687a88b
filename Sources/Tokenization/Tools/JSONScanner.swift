/// Follows the text of a JSON object or array byte by byte, and finds its end, or the first byte that no JSON has there.
///
/// It keeps no text but that of the first key. What it lets pass is JSON by its grammar (RFC 8259); equal keys, halves of
/// surrogate pairs and numbers out of range are up to a reader of the whole text.
struct JSONScanner: Sendable {
    /// What a byte was.
    enum Verdict {
        /// A part of the value, which goes on.
        case inside
        /// The end of the first key of the first object.
        case firstKey
        /// The value's last byte.
        case end
        /// No part of a JSON value.
        case malformed
    }

    private enum State {
        case value
        /// After `[`, where the array may end.
        case firstElement
        /// After `{`, where the object may end.
        case firstName
        case name
        case colon
        case afterValue
        case string(isName: Bool)
        case escape(isName: Bool)
        case hexDigits(left: Int, isName: Bool)
        /// A number, by what came last: its sign, a zero at its beginning, digits, the point, digits after it, the `e`, the
        /// sign after it, digits of the exponent.
        case sign, zero, digits, point, fraction, exponent, exponentSign, exponentDigits
        /// A word, and what is left of it.
        case word(ArraySlice<UInt8>)
    }

    /// The deepest nesting that is followed; a reader of the whole text refuses more.
    private static let maximumDepth = 64

    /// The first key as it is spelled, without its quotes.
    private(set) var firstKey: [UInt8] = []
    private var hasFirstKey = false
    /// The state after the opening brackets, each noted by whether it opens an object.
    private var state = State.value
    private var open: [Bool] = []

    /// Reads a byte.
    mutating func append(_ byte: UInt8) -> Verdict {
        switch state {
        case .string(let isName): return string(byte, isName)
        case .escape(let isName): return escape(byte, isName)
        case .hexDigits(let left, let isName):
            guard byte.isHexDigit else { return .malformed }
            keep(byte, isName)
            state = left > 1 ? .hexDigits(left: left - 1, isName: isName) : .string(isName: isName)
            return .inside
        case .word(let rest):
            guard byte == rest.first else { return .malformed }
            state = rest.count > 1 ? .word(rest.dropFirst()) : .afterValue
            return .inside
        case .sign, .zero, .digits, .point, .fraction, .exponent, .exponentSign, .exponentDigits:
            return number(byte)
        case .value, .firstElement, .firstName, .name, .colon, .afterValue:
            return byte.isJSONSpace ? .inside : structure(byte)
        }
    }

    private mutating func structure(_ byte: UInt8) -> Verdict {
        switch (state, byte) {
        case (.firstElement, UInt8(ascii: "]")): return close(isObject: false)
        case (.value, _), (.firstElement, _): return value(byte)
        case (.firstName, UInt8(ascii: "}")): return close(isObject: true)
        case (.firstName, UInt8(ascii: "\"")), (.name, UInt8(ascii: "\"")): state = .string(isName: true)
        case (.colon, UInt8(ascii: ":")): state = .value
        case (.afterValue, UInt8(ascii: ",")): state = open.last == true ? .name : .value
        case (.afterValue, UInt8(ascii: "]")): return close(isObject: false)
        case (.afterValue, UInt8(ascii: "}")): return close(isObject: true)
        default: return .malformed
        }
        return .inside
    }

    private mutating func value(_ byte: UInt8) -> Verdict {
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard open.count < Self.maximumDepth else { return .malformed }
            open.append(byte == UInt8(ascii: "{"))
            state = byte == UInt8(ascii: "{") ? .firstName : .firstElement
            return .inside
        // What holds no others can't be the whole value.
        case _ where open.isEmpty: return .malformed
        case UInt8(ascii: "\""): state = .string(isName: false)
        case UInt8(ascii: "-"): state = .sign
        case UInt8(ascii: "0"): state = .zero
        case UInt8(ascii: "1")...UInt8(ascii: "9"): state = .digits
        case UInt8(ascii: "t"): state = .word(Array("rue".utf8)[...])
        case UInt8(ascii: "f"): state = .word(Array("alse".utf8)[...])
        case UInt8(ascii: "n"): state = .word(Array("ull".utf8)[...])
        default: return .malformed
        }
        return .inside
    }

    private mutating func close(isObject: Bool) -> Verdict {
        guard open.popLast() == isObject else { return .malformed }
        state = .afterValue
        return open.isEmpty ? .end : .inside
    }

    private mutating func string(_ byte: UInt8, _ isName: Bool) -> Verdict {
        switch byte {
        case UInt8(ascii: "\""):
            state = isName ? .colon : .afterValue
            guard isName, !hasFirstKey else { return .inside }
            hasFirstKey = true
            return .firstKey
        case UInt8(ascii: "\\"): state = .escape(isName: isName)
        case 0..<0x20: return .malformed
        default: break
        }
        keep(byte, isName)
        return .inside
    }

    private mutating func escape(_ byte: UInt8, _ isName: Bool) -> Verdict {
        guard "\"\\/bfnrtu".utf8.contains(byte) else { return .malformed }
        keep(byte, isName)
        state = byte == UInt8(ascii: "u") ? .hexDigits(left: 4, isName: isName) : .string(isName: isName)
        return .inside
    }

    private mutating func keep(_ byte: UInt8, _ isName: Bool) {
        if isName, !hasFirstKey { firstKey.append(byte) }
    }

    private mutating func number(_ byte: UInt8) -> Verdict {
        let isDigit = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
        switch (state, byte) {
        case (.sign, UInt8(ascii: "0")): state = .zero
        case (.sign, _) where isDigit: state = .digits
        case (.digits, _) where isDigit, (.fraction, _) where isDigit, (.exponentDigits, _) where isDigit: break
        case (.point, _) where isDigit: state = .fraction
        case (.exponent, _) where isDigit, (.exponentSign, _) where isDigit: state = .exponentDigits
        case (.zero, UInt8(ascii: ".")), (.digits, UInt8(ascii: ".")): state = .point
        case (.zero, UInt8(ascii: "e")), (.digits, UInt8(ascii: "e")), (.fraction, UInt8(ascii: "e")),
            (.zero, UInt8(ascii: "E")), (.digits, UInt8(ascii: "E")), (.fraction, UInt8(ascii: "E")):
            state = .exponent
        case (.exponent, UInt8(ascii: "+")), (.exponent, UInt8(ascii: "-")): state = .exponentSign
        case (.zero, _), (.digits, _), (.fraction, _), (.exponentDigits, _):
            state = .afterValue
            return append(byte)
        default: return .malformed
        }
        return .inside
    }
}

extension UInt8 {
    /// Whether it is white space of JSON.
    var isJSONSpace: Bool { self == 0x20 || self == 0x0A || self == 0x0D || self == 0x09 }

    fileprivate var isHexDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
