extension JSONValue {
    /// Reads a whole text.
    ///
    /// - Parameters:
    ///   - bytes: The text.
    ///   - readsNonFinite: Whether `NaN`, `Infinity` and `-Infinity` are numbers, as Python writes them.
    /// - Throws: ``JSONError`` when the text isn't JSON as ``JSONReader`` has it.
    package init(parsing bytes: [UInt8], readsNonFinite: Bool = false) throws(JSONError) {
        self = try bytes.withUnsafeBufferPointer { (buffer) throws(JSONError) in
            var reader = try JSONReader(
                UnsafeRawBufferPointer(buffer), array: bytes, readsNonFinite: readsNonFinite)
            let value = try reader.value()
            try reader.expectEnd()
            return value
        }
    }
}

extension JSONReader {
    /// Reads a value of any kind.
    mutating func value() throws(JSONError) -> JSONValue {
        switch peek() {
        case UInt8(ascii: "{"): .object(try members())
        case UInt8(ascii: "["): .array(try elements())
        default: try scalar()
        }
    }

    private mutating func members() throws(JSONError) -> [JSONMember] {
        try open()
        var members: [JSONMember] = []
        var keys = KeySet()
        while let key = try nextKey(after: &keys) {
            do throws(JSONError) {
                members.append(JSONMember(key: key, value: try value()))
            } catch { throw error.within(String(decoding: key, as: UTF8.self)) }
        }
        return members
    }

    private mutating func elements() throws(JSONError) -> [JSONValue] {
        try open()
        var elements: [JSONValue] = []
        // A large tokenizer has half a million pairs: one allocation for each, not two.
        elements.reserveCapacity(2)
        while try hasElement(isFirst: elements.isEmpty) {
            do throws(JSONError) {
                elements.append(try value())
            } catch { throw error.within("[\(elements.count)]") }
        }
        return elements
    }

    /// Reads a value that holds no others.
    mutating func scalar() throws(JSONError) -> JSONValue {
        switch peek() {
        case UInt8(ascii: "\""): .string(try stringBytes())
        case UInt8(ascii: "t"): try word("true", .bool(true))
        case UInt8(ascii: "f"): try word("false", .bool(false))
        case UInt8(ascii: "n"): try word("null", .null)
        default: .number(try number())
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        guard isNext(word) else { throw failure("expected \(word)") }
        offset += word.utf8CodeUnitCount
        return value
    }

    /// Whether these bytes are next.
    func isNext(_ text: StaticString) -> Bool {
        text.withUTF8Buffer { bytes[offset...].starts(with: $0) }
    }
}

// MARK: - Numbers

extension JSONReader {
    /// Reads a number: `-`, digits, a fraction and an exponent, all but the digits optional.
    mutating func number() throws(JSONError) -> JSONNumber {
        let start = offset
        let isNegative = byte == UInt8(ascii: "-")
        if isNegative { offset += 1 }
        if readsNonFinite, let number = nonFinite(isNegative: isNegative) { return .real(number) }
        let firstDigit = offset
        var magnitude: UInt = 0
        var fits = true
        while let byte, byte.isDigit {
            let (tenfold, overflows) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, overflowsAgain) = tenfold.addingReportingOverflow(UInt(byte - UInt8(ascii: "0")))
            if overflows || overflowsAgain { fits = false }
            magnitude = sum
            offset += 1
        }
        guard offset > firstDigit else { throw noNumber(from: start) }
        guard offset == firstDigit + 1 || bytes[firstDigit] != UInt8(ascii: "0") else {
            throw failure("a number with a leading zero")
        }
        if try !skipFractionAndExponent(), fits {
            if !isNegative { return magnitude <= UInt(Int.max) ? .integer(Int(magnitude)) : .unsigned(magnitude) }
            if magnitude <= Int.min.magnitude { return .integer(Int(truncatingIfNeeded: 0 &- magnitude)) }
        }
        let text = String(decoding: bytes[start..<offset], as: UTF8.self)
        guard let number = Double(text), number.isFinite else {
            throw failure("a number outside of the range of 64-bit floats", at: start)
        }
        return .real(number)
    }

    /// Reads what Python writes for a number that isn't finite; nil where something else is next.
    private mutating func nonFinite(isNegative: Bool) -> Double? {
        if isNext("Infinity") {
            offset += 8
            return isNegative ? -.infinity : .infinity
        }
        guard !isNegative, isNext("NaN") else { return nil }
        offset += 3
        return .nan
    }

    /// Says whether there was either.
    private mutating func skipFractionAndExponent() throws(JSONError) -> Bool {
        let start = offset
        if byte == UInt8(ascii: ".") {
            offset += 1
            try skipDigits()
        }
        if byte == UInt8(ascii: "e") || byte == UInt8(ascii: "E") {
            offset += 1
            if byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") { offset += 1 }
            try skipDigits()
        }
        return offset > start
    }

    private mutating func skipDigits() throws(JSONError) {
        guard let byte, byte.isDigit else { throw expected("a digit") }
        while let byte = self.byte, byte.isDigit { offset += 1 }
    }

    /// The error where a number, or any value, should be and no digit is.
    private mutating func noNumber(from start: Int) -> JSONError {
        let hasSign = offset > start
        for word in ["NaN", "Infinity"] as [StaticString] where isNext(word) {
            return failure("\(hasSign ? "-" : "")\(word) is not a JSON number", at: start)
        }
        return expected(hasSign ? "a digit" : "a value")
    }
}

extension UInt8 {
    var isDigit: Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= self }
}
