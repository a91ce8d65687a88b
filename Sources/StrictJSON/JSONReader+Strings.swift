extension JSONReader {
    /// Reads a string from its opening quote, with its escapes resolved.
    mutating func stringBytes() throws(JSONError) -> ArraySlice<UInt8> {
        offset += 1
        // Where the run of bytes begins that stand for themselves, and what came before it.
        var start = offset
        var text: [UInt8] = []
        var hasEscapes = false
        while true {
            skipPlainBytes()
            guard let byte else { throw endInString }
            guard byte >= 0x20 else { throw failure("a control character in a string") }
            let run = UnsafeRawBufferPointer(rebasing: bytes[start..<offset])
            offset += 1
            if byte == UInt8(ascii: "\"") {
                guard hasEscapes else { return array?[start..<(offset - 1)] ?? Array(run)[...] }
                text += run
                return text[...]
            }
            // A backslash.
            text += run
            hasEscapes = true
            try appendEscape(to: &text)
            start = offset
        }
    }

    /// Passes over the bytes that stand for themselves in a string.
    private mutating func skipPlainBytes() {
        var end = offset
        while end < bytes.count, bytes[end] >= 0x20, bytes[end] != UInt8(ascii: "\""), bytes[end] != UInt8(ascii: "\\")
        {
            end += 1
        }
        offset = end
    }

    private var endInString: JSONError { failure("the text ends inside a string") }

    private mutating func appendEscape(to text: inout [UInt8]) throws(JSONError) {
        guard let escape = byte else { throw endInString }
        offset += 1
        switch escape {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"): text += String(try escapedScalar()).utf8
        default: throw failure("an unknown escape")
        }
    }

    /// Reads the digits of `\u…`, and those of the second escape where the first is half a surrogate pair.
    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        let unit = try codeUnit()
        if let scalar = Unicode.Scalar(unit) { return scalar }
        guard unit < 0xDC00, isNext("\\u") else { throw failure("half a surrogate pair") }
        offset += 2
        let second = try codeUnit()
        guard 0xDC00...0xDFFF ~= second,
            let scalar = Unicode.Scalar(0x10000 + (unit & 0x3FF) << 10 + (second & 0x3FF))
        else { throw failure("half a surrogate pair") }
        return scalar
    }

    /// Reads four hexadecimal digits.
    private mutating func codeUnit() throws(JSONError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch byte {
            case .some(let byte) where byte.isDigit: digit = byte - UInt8(ascii: "0")
            case .some(let byte) where UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte | 0x20:
                digit = (byte | 0x20) - UInt8(ascii: "a") + 10
            default: throw expected("four hexadecimal digits")
            }
            unit = unit << 4 | UInt32(digit)
            offset += 1
        }
        return unit
    }
}
