import Safetensors
import Testing

/// What is JSON of the format's form, and what isn't.
@Suite struct HeaderSyntaxTests {
    private static let integer = "expected an integer from 0 to 9223372036854775807"

    /// Headers with a ‸ where the reader must find the fault.
    static let malformed: [(header: String, reason: String)] = [
        // Objects.
        ("{‸", "expected a key in double quotes or '}', but the text ends here"),
        ("{‸\"a", "the text ends inside a string"), ("{\"a\"‸}", "expected ':'"),
        ("{\"a\" ‸1}", "expected ':'"), ("{\"a\":‸}", "expected an object"), ("{\"a\":‸[]}", "expected an object"),
        ("{‸a:{}}", "expected a key in double quotes or '}'"), ("{‸'a':{}}", "expected a key in double quotes or '}'"),
        ("{‸/**/}", "expected a key in double quotes or '}'"),
        ("{‸\u{c}}", "expected a key in double quotes or '}'"), ("{‸,}", "expected a key in double quotes or '}'"),
        ("{‸1:{}}", "expected a key in double quotes or '}'"),
        (#"{"__metadata__":{},‸}"#, "expected a key in double quotes"),
        (#"{"__metadata__":{}‸"#, "expected ',' or '}', but the text ends here"),
        (#"{"__metadata__":{} ‸"a":{}}"#, "expected ',' or '}'"), (#"{"__metadata__":{}‸]"#, "expected ',' or '}'"),
        // After the end.
        ("{}‸x", "unexpected text after the end"), ("{}‸{}", "unexpected text after the end"),
        ("{}  ‸}", "unexpected text after the end"), ("{} ‸\0", "unexpected text after the end"),
        // Metadata is text to text.
        (#"{"__metadata__":‸null}"#, "expected an object"), (#"{"__metadata__":‸""}"#, "expected an object"),
        (#"{"__metadata__":{"k":‸1}}"#, "expected a string"), (#"{"__metadata__":{"k":‸{}}}"#, "expected a string"),
        (#"{"__metadata__":{"k":‸null}}"#, "expected a string"),
        // Strings.
        ("{\"a‸\n\":{}}", "a control character in a string"), ("{\"a‸\0\":{}}", "a control character in a string"),
        ("{\"‸\u{1f}\":{}}", "a control character in a string"), (#"{"\x‸":{}}"#, "an unknown escape"),
        (#"{"\'‸":{}}"#, "an unknown escape"), (#"{"\U‸0041":{}}"#, "an unknown escape"),
        (#"{"\u12‸g4":{}}"#, "expected four hexadecimal digits"),
        (#"{"\u12‸é4":{}}"#, "expected four hexadecimal digits"),
        (#"{"\u12‸"#, "expected four hexadecimal digits, but the text ends here"),
        (#"{"\‸"#, "the text ends inside a string"),
        (#"{"\ud800‸":{}}"#, "half a surrogate pair"), (#"{"\udc00‸":{}}"#, "half a surrogate pair"),
        (#"{"\ud800‸x":{}}"#, "half a surrogate pair"), (#"{"\ud800‸\n":{}}"#, "half a surrogate pair"),
        (#"{"\ud800\u0041‸":{}}"#, "half a surrogate pair"), (#"{"\ud800\ud800‸":{}}"#, "half a surrogate pair"),
        (#"{"\udc00‸\ud800":{}}"#, "half a surrogate pair"),
        // Types.
        (#"{"a":{"dtype":‸1}}"#, "expected a string"), (#"{"a":{"dtype":‸null}}"#, "expected a string"),
        (#"{"a":{"dtype":‸["F32"]}}"#, "expected a string"),
        // Shapes.
        (#"{"a":{"shape":‸2}}"#, "expected an array"), (#"{"a":{"shape":‸{}}}"#, "expected an array"),
        (#"{"a":{"shape":‸null}}"#, "expected an array"), (#"{"a":{"shape":[‸-1]}}"#, integer),
        (#"{"a":{"shape":[‸-0]}}"#, integer), (#"{"a":{"shape":[‸+1]}}"#, integer),
        (#"{"a":{"shape":[‸1.0]}}"#, integer), (#"{"a":{"shape":[‸1e2]}}"#, integer),
        (#"{"a":{"shape":[‸1E2]}}"#, integer), (#"{"a":{"shape":[‸"1"]}}"#, integer),
        (#"{"a":{"shape":[‸true]}}"#, integer), (#"{"a":{"shape":[‸[1]]}}"#, integer),
        (#"{"a":{"shape":[‸,1]}}"#, integer), (#"{"a":{"shape":[1,‸]}}"#, integer),
        (#"{"a":{"shape":[1‸x]}}"#, "expected ',' or ']'"), (#"{"a":{"shape":[1 ‸2]}}"#, "expected ',' or ']'"),
        (#"{"a":{"shape":[1‸"#, "expected ',' or ']', but the text ends here"), (#"{"a":{"shape":[‸"#, integer),
        (#"{"a":{"shape":[01‸]}}"#, "a number with a leading zero"),
        (#"{"a":{"shape":[00‸]}}"#, "a number with a leading zero"),
        (#"{"a":{"shape":[‸9223372036854775808]}}"#, integer),
        (#"{"a":{"shape":[‸18446744073709551616]}}"#, integer),
        // Offsets.
        (#"{"a":{"data_offsets":[‸-1,0]}}"#, integer),
        (#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[]}‸}"#, "tensor a: data_offsets must be two numbers"),
        (#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0]}‸}"#, "tensor a: data_offsets must be two numbers"),
        (#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0,0]}‸}"#, "tensor a: data_offsets must be two numbers"),
    ]

    @Test(arguments: malformed)
    func malformedHeader(header: String, reason: String) throws {
        let parts = header.unicodeScalars.split(separator: "‸", omittingEmptySubsequences: false)
        try #require(parts.count == 2)
        let (before, after) = (String(parts[0]), String(parts[1]))
        // A string that doesn't end is found out at the end of the header.
        let offset = reason == "the text ends inside a string" ? (before + after).utf8.count : before.utf8.count
        try expectRefusal(before + after) { .malformedHeader(file: $0, offset: offset, reason: reason) }
    }

    /// Every beginning of a header is refused, and only as what it is.
    @Test func everyTruncation() throws {
        let header = Array(
            #"{"__metadata__":{"k":"\u00e9"},"é":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#.utf8)
        for count in 1..<header.count {
            let error = thrown { () throws(SafetensorsError) in
                try SafetensorsFile(bytes: fileBytes(Array(header[..<count]), data: [0, 0, 0, 0]), name: "f")
            }
            switch error {
            case .malformedHeader("f", let offset, _): #expect(offset <= count)
            case .headerNotUTF8("f"): #expect(header[count] & 0xc0 == 0x80)
            default: Issue.record("\(count) bytes: \(String(describing: error))")
            }
        }
        #expect(try SafetensorsFile(bytes: fileBytes(header, data: [0, 0, 0, 0]), name: "f").tensorNames == ["é"])
    }

    // What the format allows.

    @Test(arguments: ["{}", "{} ", "{}      ", "{ }", "{\n\t\r }", #"{"__metadata__":{}}"#])
    func noTensors(header: String) throws {
        let file = try SafetensorsFile(bytes: fileBytes(header), name: "f")
        #expect(file.tensors.isEmpty && file.metadata.isEmpty && file.tensorNames.isEmpty)
    }

    @Test func whiteSpaceBetweenTokens() throws {
        let header = "{ \"a\"\t:\n{ \"dtype\" : \"U8\" , \"shape\" : [ 1 , 2 ] ,\r\"data_offsets\" : [ 0 , 2 ] } }   "
        let file = try SafetensorsFile(bytes: fileBytes(header, data: [7, 8]), name: "f")
        let tensor = try #require(file.tensors.first)
        #expect((tensor.name, tensor.dtype, tensor.byteRange) == ("a", .uint8, 0..<2))
        #expect(tensor.shape == [1, 2])
    }

    @Test func fieldsInAnyOrder() throws {
        let file = try SafetensorsFile(
            bytes: fileBytes(#"{"a":{"data_offsets":[0,4],"shape":[2],"dtype":"I16"}}"#, data: [0, 0, 0, 0]), name: "f")
        let tensor = try #require(file.tensors.first)
        #expect((tensor.name, tensor.dtype, tensor.byteRange) == ("a", .int16, 0..<4))
        #expect(tensor.shape == [2])
    }

    @Test func scalar() throws {
        let header = #"{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#
        let tensor = try SafetensorsFile(bytes: fileBytes(header, data: [0, 0, 0x20, 0x41]), name: "f").tensor("a")
        #expect(tensor.info.shape == [] && tensor.info.elementCount == 1 && tensor.info.byteCount == 4)
        #expect(try tensor.floats() == [10])
    }

    /// Tensors with a dimension of zero have no bytes, wherever they stand and whatever the other dimensions are.
    @Test func emptyTensors() throws {
        let large = Int.max
        let header =
            #"{"e0":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"#
            + #""e1":{"dtype":"F64","shape":[3,0,5],"data_offsets":[2,2]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]},"#
            + #""e2":{"dtype":"F32","shape":[\#(large),\#(large),0],"data_offsets":[3,3]},"#
            + #""e3":{"dtype":"F4","shape":[0,3],"data_offsets":[3,3]}}"#
        let file = try SafetensorsFile(bytes: fileBytes(header, data: [1, 2, 3]), name: "f")
        #expect(file.tensorNames == ["e0", "a", "e1", "b", "e2", "e3"])
        for name in ["e0", "e1", "e2", "e3"] {
            let tensor = try file.tensor(name)
            #expect(tensor.info.elementCount == 0 && tensor.info.byteCount == 0)
            #expect(tensor.withUnsafeBytes(\.count) == 0)
        }
        #expect(try file.tensor("e2").floats() == [])
        #expect(try file.tensor("e2").info.shape == [large, large, 0])
        #expect(try file.tensor("b").withUnsafeBytes { Array($0) } == [3])
    }

    /// Names are compared by their bytes: these two look alike, and Swift takes the strings for equal.
    @Test func namesThatDifferInNormalisation() throws {
        let header =
            #"{"\u00e9":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
            + "\"e\u{301}\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}"
        let file = try SafetensorsFile(bytes: fileBytes(header, data: [7, 8]), name: "f")
        #expect(file.tensors.count == 2)
        #expect(try file.tensor("\u{e9}").withUnsafeBytes { Array($0) } == [7])
        #expect(try file.tensor("e\u{301}").withUnsafeBytes { Array($0) } == [8])
    }

    @Test func escapes() throws {
        let file = try SafetensorsFile(
            bytes: fileBytes(#"{"__metadata__":{"\"\\\/\b\f\n\r\t":"\u0041\u00e9\u20AC\ud83d\uDE00\u0000é😀"}}"#),
            name: "f")
        #expect(file.metadata.count == 1)
        let value = try #require(file.metadata["\"\\/\u{8}\u{c}\n\r\t"])
        #expect(Array(value.utf8) == Array("A\u{e9}\u{20ac}\u{1f600}\0\u{e9}\u{1f600}".utf8))
    }

    @Test func unusualNames() throws {
        // Empty, a lone NUL, a path, and the name of the metadata in other letters.
        for name in ["", #"\u0000"#, "../../etc/passwd", "__Metadata__"] {
            let header = #"{"\#(name)":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#
            let file = try SafetensorsFile(bytes: fileBytes(header), name: "f")
            #expect(file.contains(name == #"\u0000"# ? "\0" : name))
        }
    }
}
