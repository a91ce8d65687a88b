import StrictJSON
import Testing

/// A value in a form that can be compared and that shows every difference: the kind of a number, the bytes of a string.
private func spelled(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool(let bool): "\(bool)"
    case .number(let number): "\(number)"
    case .string(let bytes): "'\(String(decoding: bytes, as: UTF8.self))'"
    case .array(let values): "[\(values.map(spelled).joined(separator: " "))]"
    case .object(let members):
        "{\(members.map { "\(String(decoding: $0.key, as: UTF8.self)):\(spelled($0.value))" }.joined(separator: " "))}"
    }
}

func parse(_ text: String) throws(JSONError) -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }

/// The error of a text, by both ways of reading it, which must agree.
func refusal(_ bytes: [UInt8]) -> JSONError? {
    var ofValue: JSONError?
    do throws(JSONError) {
        _ = try JSONValue(parsing: bytes)
    } catch { ofValue = error }
    let ofReader = bytes.withUnsafeBytes { buffer -> JSONError? in
        do throws(JSONError) {
            var reader = try JSONReader(buffer)
            try reader.skipValue()
            try reader.expectEnd()
            return nil
        } catch { return error }
    }
    #expect(ofReader == ofValue)
    return ofValue
}

@Suite struct GrammarTests {
    @Test(arguments: [
        ("null", "null"), (" \t\n\rtrue ", "true"), ("false", "false"), ("[]", "[]"), ("{}", "{}"), ("[ ]", "[]"),
        ("{ }", "{}"), (#""""#, "''"),
        (#"[1,[2,[]],{"a":{"b":[null]}}]"#, "[integer(1) [integer(2) []] {a:{b:[null]}}]"),
        (#" { "a" : 1 , "b" : 2 } "#, "{a:integer(1) b:integer(2)}"),
        // Order is kept, and an empty key is one.
        (#"{"b":1,"a":2,"":3}"#, "{b:integer(1) a:integer(2) :integer(3)}"),
        // Strings.
        (#""\"\\\/""#, #"'"\/'"#), (#""é\u00e9€\u20AC😀\ud83d\uDE00""#, "'éé€€😀😀'"), (#""a\u0041b\u0042c""#, "'aAbBc'"),
        ("\"\u{7f}\u{85}\u{2028}\"", "'\u{7f}\u{85}\u{2028}'"),
        // Numbers.
        ("0", "integer(0)"), ("-0", "integer(0)"), ("9223372036854775807", "integer(9223372036854775807)"),
        ("-9223372036854775808", "integer(-9223372036854775808)"),
        ("9223372036854775808", "unsigned(9223372036854775808)"),
        ("18446744073709551615", "unsigned(18446744073709551615)"),
        ("18446744073709551616", "real(1.8446744073709552e+19)"),
        ("-9223372036854775809", "real(-9.223372036854776e+18)"), ("9007199254740993", "integer(9007199254740993)"),
        ("1.0", "real(1.0)"), ("-0.0", "real(-0.0)"), ("1e2", "real(100.0)"), ("1E+2", "real(100.0)"),
        ("25e-1", "real(2.5)"), ("0.1", "real(0.1)"), ("1e-400", "real(0.0)"),
        ("1.7976931348623157e308", "real(1.7976931348623157e+308)"),
        ("0.30000000000000004", "real(0.30000000000000004)"), ("5e-324", "real(5e-324)"),
    ])
    func values(text: String, value: String) throws {
        #expect(spelled(try parse(text)) == value)
        #expect(refusal(Array(text.utf8)) == nil)
    }

    @Test func controlEscapes() throws {
        #expect(try parse(#""\b\f\n\r\t\u0000\u001f""#).string == "\u{8}\u{c}\n\r\t\0\u{1f}")
    }

    /// Texts with a ‸ where the reader must find the fault.
    @Test(arguments: [
        // Values.
        ("‸", "expected a value, but the text ends here"), (" ‸", "expected a value, but the text ends here"),
        ("‸tru", "expected true"), ("‸nul", "expected null"), ("‸falsy", "expected false"),
        ("true‸x", "unexpected text after the end"),
        ("‸True", "expected a value"), ("‸None", "expected a value"), ("‸'a'", "expected a value"),
        ("‸// a", "expected a value"),
        ("{}‸{}", "unexpected text after the end"), ("1 ‸2", "unexpected text after the end"),
        ("[]‸,", "unexpected text after the end"),
        ("‸\u{c}1", "expected a value"), ("‸\u{a0}1", "expected a value"), ("1‸\0", "unexpected text after the end"),
        // Arrays and objects.
        ("[‸", "expected a value, but the text ends here"), ("[1‸", "expected ',' or ']', but the text ends here"),
        ("[1,‸]", "expected a value"), ("[‸,1]", "expected a value"), ("[1 ‸2]", "expected ',' or ']'"),
        ("[1‸}", "expected ',' or ']'"),
        ("[1‸:2]", "expected ',' or ']'"),
        ("{‸", "expected a key in double quotes or '}', but the text ends here"),
        ("{‸,}", "expected a key in double quotes or '}'"),
        ("{‸1:2}", "expected a key in double quotes or '}'"), ("{‸'a':1}", "expected a key in double quotes or '}'"),
        (#"{"a"‸}"#, "expected ':'"), (#"{"a" ‸1}"#, "expected ':'"), (#"{"a":‸}"#, "expected a value"),
        (#"{"a":1,‸}"#, "expected a key in double quotes"), (#"{"a":1 ‸"b":2}"#, "expected ',' or '}'"),
        (#"{"a":1‸]"#, "expected ',' or '}'"), (#"{"a":1‸"#, "expected ',' or '}', but the text ends here"),
        // Strings.
        (#""a‸"#, "the text ends inside a string"), (#""\‸"#, "the text ends inside a string"),
        ("\"a‸\n\"", "a control character in a string"), ("\"‸\u{1f}\"", "a control character in a string"),
        (#""\x‸""#, "an unknown escape"), (#""\'‸""#, "an unknown escape"), (#""\U‸0041""#, "an unknown escape"),
        (#""\u12‸g4""#, "expected four hexadecimal digits"), (#""\u12‸é4""#, "expected four hexadecimal digits"),
        (#""\u12‸"#, "expected four hexadecimal digits, but the text ends here"),
        (#""\u‸+123""#, "expected four hexadecimal digits"),
        (#""\ud800‸""#, "half a surrogate pair"), (#""\udc00‸""#, "half a surrogate pair"),
        (#""\ud800‸x""#, "half a surrogate pair"),
        (#""\ud800‸\n""#, "half a surrogate pair"), (#""\ud800\u0041‸""#, "half a surrogate pair"),
        (#""\ud800\ud800‸""#, "half a surrogate pair"), (#""\udc00‸\ud800""#, "half a surrogate pair"),
        // Numbers.
        ("‸+1", "expected a value"), ("‸.5", "expected a value"), ("-‸", "expected a digit, but the text ends here"),
        ("-‸a", "expected a digit"), ("-‸.5", "expected a digit"), ("1.‸", "expected a digit, but the text ends here"),
        ("[1.‸]", "expected a digit"), ("1.‸e5", "expected a digit"), ("1e‸]", "expected a digit"),
        ("1e+‸x", "expected a digit"),
        ("01‸", "a number with a leading zero"), ("-00‸", "a number with a leading zero"),
        ("00‸.5", "a number with a leading zero"),
        ("1.2‸.3", "unexpected text after the end"), ("1‸_000", "unexpected text after the end"),
        ("0‸x10", "unexpected text after the end"),
        ("[‸1e309]", "a number outside of the range of 64-bit floats"),
        ("[‸-1e309]", "a number outside of the range of 64-bit floats"),
        // What Python's json writes and reads.
        ("[‸NaN]", "NaN is not a JSON number"), ("[‸Infinity]", "Infinity is not a JSON number"),
        ("[‸-Infinity]", "-Infinity is not a JSON number"), ("[‸-NaN]", "-NaN is not a JSON number"),
        ("[‸nan]", "expected null"),
        ("‸\u{feff}{}", "a byte order mark, which JSON doesn't allow"),
    ])
    func malformed(text: String, reason: String) throws {
        let parts = text.unicodeScalars.split(separator: "‸", omittingEmptySubsequences: false).map { String($0) }
        try #require(parts.count == 2)
        let error = try #require(refusal(Array(parts.joined().utf8)))
        #expect(error.fault == .malformed(reason))
        #expect(error.offset == parts[0].utf8.count)
    }

    @Test func notUTF8() {
        for (bytes, offset) in [
            ([0x22, 0xFF, 0x22], 1), ([0x22, 0xC3, 0x22], 1), ([0x22, 0xC3], 1), ([0xFF, 0xFE, 0x5B, 0x00], 0),
            ([0x5B, 0x5D, 0x80], 2),
        ] as [([UInt8], Int)] {
            #expect(refusal(bytes)?.fault == .notUTF8)
            #expect(refusal(bytes)?.offset == offset)
        }
    }

    /// The whole of UTF-8's first two bytes, and characters at the borders of each length, after runs of ASCII of all
    /// lengths that the fast path distinguishes: the standard library is the judge.
    @Test func whatIsUTF8() {
        var disagreements: [[UInt8]] = []
        func check(_ bytes: [UInt8]) {
            let isValid = String(validating: bytes, as: UTF8.self) != nil
            let isRefused = refusal([UInt8(ascii: "\"")] + bytes + [UInt8(ascii: "\"")])?.fault == .notUTF8
            if isValid == isRefused { disagreements.append(bytes) }
        }
        for first in 0x80...UInt8.max {
            check([first])
            for second in UInt8.min...UInt8.max {
                check([first, second])
                for tail in [[0x80], [0xBF], [0x7F], [0xC0], [0x80, 0x80], [0xBF, 0xBF], [0xBF, 0x20]] as [[UInt8]] {
                    if second % 16 == 0 || second % 16 == 15 { check([first, second] + tail) }
                }
            }
        }
        for count in 0..<20 {
            let run = [UInt8](repeating: UInt8(ascii: "a"), count: count)
            for character in ["é", "€", "😀", "\u{10ffff}", "\u{ffff}", "\u{800}"] {
                check(run + character.utf8)
                check(run + character.utf8 + run)
                check(run + character.utf8.dropLast() + run)
            }
        }
        #expect(disagreements == [])
    }

    // MARK: Keys

    @Test(arguments: [
        (#"{"a":1,"a":2}"#, "a", 7), (#"{"a":1,"\u0061":1}"#, "a", 7), (#"{"x":{"b":1,"c":2,"b":1}}"#, "x.b", 18),
        (#"[0,{"x":[{},{"k":1,"k":1}]}]"#, "[1].x[1].k", 19), (#"{"":1,"":1}"#, "", 6),
    ])
    func duplicateKeys(text: String, path: String, offset: Int) throws {
        let error = try #require(refusal(Array(text.utf8)))
        #expect(error.fault == .duplicateKey(path: path))
        #expect(error.offset == offset)
    }

    /// Keys that look alike and differ in their bytes are two keys.
    @Test func keysThatDifferInNormalisation() throws {
        let value = try parse("{\"\u{e9}\":1,\"e\u{301}\":2}")
        #expect(value.members?.count == 2)
        #expect(value["\u{e9}"]?.number == .integer(1) && value["e\u{301}"]?.number == .integer(2))
    }

    @Test func duplicateAmongMany() {
        let members = (0..<100_000).map { "\"key\($0)\":\($0)" }.joined(separator: ",")
        #expect(refusal(Array("{\(members)}".utf8)) == nil)
        #expect(refusal(Array("{\(members),\"key77\":0}".utf8))?.fault == .duplicateKey(path: "key77"))
    }

    // MARK: Depth

    @Test func depth() {
        let maximum = JSONReader.maximumDepth
        for (open, close) in [("[", "]"), (#"{"a":"#, "}")] {
            func nested(_ depth: Int) -> [UInt8] {
                Array((String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)).utf8)
            }
            #expect(refusal(nested(maximum)) == nil)
            for depth in [maximum + 1, 1_000_000] {
                let error = refusal(nested(depth))
                #expect(error?.fault == .malformed("nested deeper than 64 levels"))
                #expect(error?.offset == open.utf8.count * maximum)
            }
        }
        // What was closed doesn't count.
        #expect(refusal(Array(("[" + String(repeating: "[{}],", count: 1_000) + "0]").utf8)) == nil)
    }

    // MARK: Places

    @Test(arguments: [
        ("x", 1, 1), ("\n\n  x", 3, 3), ("{\r\n\"a\": x", 2, 6), ("[\"é😀\", x]", 1, 8), ("[\n\"\u{2028}\",\n\n", 4, 1),
    ])
    func lineAndColumn(text: String, line: Int, column: Int) throws {
        let error = try #require(refusal(Array(text.utf8)))
        #expect((error.line, error.column) == (line, column))
        #expect(error.text == "line \(line), column \(column): \(error.reason)")
    }
}
