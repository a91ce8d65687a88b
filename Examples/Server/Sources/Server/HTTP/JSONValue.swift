import Foundation
import LongLM

/// JSON, of any form. The members of objects keep their order, which a schema's properties and a chat template need.
typealias JSONValue = TemplateValue

extension JSONValue {
    /// Reads the body of a request: strict JSON, of at most 64 levels, in which no key occurs twice in one object.
    init(body: Data) throws(APIError) {
        do {
            try self.init(json: Array(body), name: "the body", roundsLargeIntegers: true)
        } catch .duplicateKey(_, let key) {
            throw .invalid("\(key) occurs twice.", field: key, code: "invalid_json")
        } catch {
            throw .invalid("\(error).", code: "invalid_json")
        }
    }

    /// The text in UTF-8.
    var data: Data { Data(text().utf8) }

    /// The text.
    ///
    /// - Parameter isSpaced: Whether a space follows each colon and comma, as Python's `json.dumps` has it.
    func text(isSpaced: Bool = false) -> String {
        var writer = JSONWriter(isSpaced: isSpaced)
        writer.write(self)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    /// A whole number, however it is written: 1.0 is 1.
    var wholeNumber: Int? {
        switch self {
        case .integer(let integer): integer
        // Beyond 2^53 a number of floating point isn't every integer.
        case .double(let number) where number.magnitude <= 0x1p53: Int(exactly: number)
        default: nil
        }
    }

    /// Whether two values say the same: 1 is 1.0.
    func isSame(as other: JSONValue) -> Bool {
        switch (self, other) {
        case (.integer(let integer), .double(let number)), (.double(let number), .integer(let integer)):
            Double(integer) == number
        default: self == other
        }
    }
}

private struct JSONWriter {
    private(set) var bytes: [UInt8] = []
    private let comma: String
    private let colon: String

    init(isSpaced: Bool) {
        comma = isSpaced ? ", " : ","
        colon = isSpaced ? ": " : ":"
    }

    mutating func write(_ value: JSONValue) {
        switch value {
        case .null: add("null")
        case .bool(let bool): add(bool ? "true" : "false")
        case .integer(let integer): add("\(integer)")
        // JSON has no other numbers.
        case .double(let number): add(number.isFinite ? "\(number)" : "null")
        case .string(let text): write(text)
        case .array(let elements):
            add("[")
            for (index, element) in elements.enumerated() {
                if index > 0 { add(comma) }
                write(element)
            }
            add("]")
        case .object(let members):
            add("{")
            for (index, member) in members.enumerated() {
                if index > 0 { add(comma) }
                write(member.key)
                add(colon)
                write(member.value)
            }
            add("}")
        }
    }

    private mutating func write(_ text: String) {
        add("\"")
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): add("\\\"")
            case UInt8(ascii: "\\"): add("\\\\")
            case UInt8(ascii: "\n"): add("\\n")
            case UInt8(ascii: "\r"): add("\\r")
            case UInt8(ascii: "\t"): add("\\t")
            case 0..<0x20: add("\\u00" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16))
            default: bytes.append(byte)
            }
        }
        add("\"")
    }

    private mutating func add(_ text: String) { bytes += text.utf8 }
}
