import Constraints
import StrictJSON
import Testing

@Suite struct SchemaTests {
    /// A schema, texts that satisfy it, and texts that don't.
    struct Case: Sendable, CustomTestStringConvertible {
        let schema: String
        let accepted: [String]
        let refused: [String]

        init(_ schema: String, _ accepted: [String], _ refused: [String]) {
            (self.schema, self.accepted, self.refused) = (schema, accepted, refused)
        }

        var testDescription: String { schema }
    }

    static let cases = [
        Case(
            "true", ["null", "[1,{}]", #"{"a":{"b":[]}}"#, #""x""#, "-1.5e3"], ["", "[1,]", "nul", "{1:2}", " 1", "01"]),
        Case(#"{"type":"null"}"#, ["null"], ["0", "false"]),
        Case(#"{"type":"boolean"}"#, ["true", "false"], ["null", "1"]),
        Case(#"{"type":["boolean","null"]}"#, ["true", "null"], ["0"]),
        Case(
            #"{"type":"string"}"#,
            [#""""#, #""aé中🙂""#, #""\n\"\\\/\u00e9\ud83d\ude42""#],
            [#""\a""#, #""\ud83d""#, "\"\n\"", #"""#, #""\ude42""#, "a"]),
        Case(
            #"{"type":"string","minLength":2,"maxLength":3}"#, [#""ab""#, #""🙂🙂""#, #""\u00e9\n\ud83d\ude42""#],
            [#""a""#, #""abcd""#, #""\ud83d\ude42""#]),
        Case(#"{"type":"string","pattern":"^a+$"}"#, [#""a""#, #""aaa""#], [#""""#, #""ab""#]),
        Case(#"{"type":"string","pattern":"b"}"#, [#""b""#, #""abc\n""#], [#""a""#]),
        Case(#"{"pattern":"^b|a$"}"#, [#""bx""#, #""xa""#], [#""ab""#, "1"]),
        Case(
            #"{"type":"string","pattern":"^[^x]$"}"#, [#""\"""#, #""\\""#, #""\u0001""#, #""é""#], [#""x""#, #"""""#]),
        Case(
            #"{"type":"string","pattern":"^(ab)*c?$","minLength":2,"maxLength":4}"#, [#""ab""#, #""abc""#, #""abab""#],
            [#""""#, #""c""#, #""ababc""#, #""aba""#]),
        Case(#"{"type":"string","pattern":"a","minLength":3}"#, [#""bab""#, #""aaaa""#], [#""aa""#, #""bbb""#]),
        Case(
            #"{"type":"string","format":"date"}"#, [#""2024-02-29""#, #""2000-02-29""#, #""1999-12-31""#],
            [#""2023-02-29""#, #""1900-02-29""#, #""2024-04-31""#, #""2024-13-01""#, #""24-01-01""#]),
        Case(
            #"{"type":"string","format":"date-time"}"#,
            [#""2024-01-31T23:59:59Z""#, #""2024-01-31T00:00:00.25+05:30""#],
            [#""2024-01-31 23:59:59Z""#, #""2024-01-31T24:00:00Z""#, #""2024-01-31T00:00:00""#]),
        Case(#"{"type":"string","format":"time"}"#, [#""12:30:00-08:00""#], [#""12:60:00Z""#]),
        Case(
            #"{"type":"string","format":"uuid"}"#, [#""123e4567-e89b-12d3-A456-426614174000""#],
            [#""123e4567e89b12d3a456426614174000""#]),
        Case(
            #"{"type":"string","format":"ipv4"}"#, [#""0.255.19.200""#], [#""256.1.1.1""#, #""01.1.1.1""#, #""1.1.1""#]),
        Case(
            #"{"type":"integer"}"#, ["0", "-7", "123456789012345678"],
            ["-0", "1.0", "01", "1e2", "1234567890123456789"]),
        Case(#"{"type":"number"}"#, ["0", "-0.5", "1e-9", "2.50E+07"], [".5", "5.", "+1", "1e", "1e100", "NaN"]),
        Case(
            #"{"type":"integer","minimum":-12,"maximum":105}"#, ["-12", "-9", "0", "99", "100", "105"],
            ["-13", "106", "-0", "1000"]),
        Case(#"{"type":"integer","exclusiveMinimum":0.5,"exclusiveMaximum":3}"#, ["1", "2"], ["0", "3"]),
        Case(#"{"type":"integer","minimum":10}"#, ["10", "11", "99", "123456"], ["9", "-10", "0"]),
        Case(#"{"type":"integer","maximum":-5}"#, ["-5", "-17"], ["-4", "0", "5"]),
        Case(
            #"{"type":"number","minimum":0.25,"maximum":2}"#, ["0.25", "0.3", "1", "2", "2.0", "1.999"],
            ["0.24", "0", "2.1", "2.01", "-1"]),
        Case(
            #"{"type":"number","exclusiveMinimum":-1.5,"exclusiveMaximum":0}"#, ["-1.4", "-0.1", "-1"],
            ["-1.5", "-1.50", "0", "-0", "-0.0", "-1.6"]),
        Case(#"{"type":"number","exclusiveMinimum":0}"#, ["0.1", "12"], ["0", "0.0", "-1"]),
        Case(#"{"type":"integer","multipleOf":7,"minimum":8}"#, ["14", "21", "700"], ["7", "15", "0"]),
        Case(#"{"multipleOf":5}"#, ["0", "-15", "20"], ["7", "2.5"]),
        Case(
            #"{"enum":[1,"a",null,[2],{"k":1.5}]}"#, ["1", #""a""#, "null", "[2]", #"{"k":1.5}"#], ["2", #""b""#, "[]"]),
        Case(#"{"enum":[1,"a",2.5],"type":"number"}"#, ["1", "2.5"], [#""a""#]),
        Case(#"{"const":"é\n\""}"#, [#""é\n\"""#], [#""é""#]),
        Case(
            #"{"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"null"},"c":true},"required":["b"]}"#,
            [#"{"b":null}"#, #"{"a":1,"b":null}"#, #"{"b":null,"c":[]}"#, #"{"a":1,"b":null,"c":2}"#],
            ["{}", #"{"a":1}"#, #"{"b":null,"a":1}"#, #"{"a":1,}"#, #"{"b":null,"d":1}"#, #"{"a":1"b":null}"#]),
        Case(
            #"{"type":"object","properties":{"a":{"type":"null"},"b":{"type":"null"}}}"#,
            ["{}", #"{"a":null}"#, #"{"b":null}"#, #"{"a":null,"b":null}"#], [#"{"b":null,"a":null}"#, "{,}"]),
        Case(#"{"type":"object","additionalProperties":false}"#, ["{}"], [#"{"a":1}"#]),
        Case(
            #"{"type":"object","properties":{"ab":{"type":"null"}},"additionalProperties":{"type":"integer"}}"#,
            [#"{"ab":null,"x":1}"#, #"{"a":1}"#, #"{"abc":1,"":2}"#, #"{"\"":1}"#],
            [#"{"ab":1}"#, #"{"x":null}"#, #"{"\u0061b":1}"#]),
        Case(
            #"{"required":["x"],"properties":{"y":{"const":1}},"additionalProperties":{"const":2}}"#,
            [#"{"y":1,"x":2}"#, #"{"x":2,"z":2}"#], ["{}", #"{"x":1}"#]),
        Case(
            #"{"type":"object","minProperties":1,"maxProperties":2,"additionalProperties":{"const":1}}"#,
            [#"{"a":1}"#, #"{"a":1,"b":1}"#], ["{}", #"{"a":1,"b":1,"c":1}"#]),
        Case(
            #"{"type":"array","items":{"type":"integer"}}"#, ["[]", "[1]", "[1,2,3]"],
            ["[1,]", "[,1]", #"["a"]"#, "[1 ,2]"]),
        Case(
            #"{"type":"array","items":{"const":1},"minItems":2,"maxItems":3}"#, ["[1,1]", "[1,1,1]"],
            ["[]", "[1]", "[1,1,1,1]"]),
        Case(#"{"items":{"const":1},"maxItems":0}"#, ["[]"], ["[1]"]),
        Case(
            #"{"prefixItems":[{"const":1},{"const":2}],"items":{"const":3},"minItems":1,"maxItems":4}"#,
            ["[1]", "[1,2]", "[1,2,3]", "[1,2,3,3]"], ["[]", "[2]", "[1,3]", "[1,2,3,3,3]"]),
        Case(#"{"prefixItems":[{"const":1}],"items":false}"#, ["[]", "[1]"], ["[1,2]"]),
        Case(#"{"type":"array","prefixItems":[{"const":1},{"const":2}],"maxItems":1}"#, ["[]", "[1]"], ["[1,2]"]),
        Case(#"{"anyOf":[{"type":"integer"},{"const":"x"}]}"#, ["1", #""x""#], ["null"]),
        Case(
            #"{"type":"object","properties":{"k":{"const":1}},"required":["k"],"anyOf":[{"properties":{"a":{"const":1}},"required":["a"]},{"properties":{"b":{"const":2}}}]}"#,
            [#"{"k":1,"a":1}"#, #"{"k":1,"b":2}"#, #"{"k":1}"#], [#"{"a":1}"#, #"{"k":1,"a":1,"b":2}"#]),
        Case(#"{"oneOf":[{"type":"integer"},{"type":"string","maxLength":1}]}"#, ["1", #""a""#], ["null", #""ab""#]),
        Case(
            #"{"oneOf":[{"type":"object","properties":{"t":{"const":"a"},"x":{"type":"null"}},"required":["t"]},{"type":"object","properties":{"t":{"enum":["b","c"]}},"required":["t"]}]}"#,
            [#"{"t":"a","x":null}"#, #"{"t":"c"}"#], [#"{"t":"c","x":null}"#, "{}"]),
        Case(
            ##"{"allOf":[{"$ref":"#/$defs/base"},{"properties":{"b":{"type":"null"}},"required":["b"]}],"$defs":{"base":{"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]}}}"##,
            [#"{"a":1,"b":null}"#], [#"{"a":1}"#, #"{"b":null}"#]),
        Case(
            #"{"allOf":[{"type":["integer","string"],"minimum":3},{"type":"number","maximum":5}]}"#, ["3", "5"],
            ["2", "6", #""a""#, "3.5"]),
        Case(
            #"{"allOf":[{"properties":{"a":{"minimum":1}}},{"properties":{"a":{"type":"integer","maximum":2}},"required":["a"],"type":"object"}]}"#,
            [#"{"a":1}"#, #"{"a":2}"#], [#"{"a":3}"#, "{}"]),
        Case(##"{"$ref":"#/definitions/a~1b%25","definitions":{"a/b%":{"const":1}}}"##, ["1"], ["2"]),
        Case(
            ##"{"type":"object","properties":{"v":{"type":"integer"},"next":{"$ref":"#"}},"required":["v"]}"##,
            [#"{"v":1}"#, #"{"v":1,"next":{"v":2,"next":{"v":3}}}"#],
            [#"{"v":1,"next":{}}"#, #"{"v":1,"next":{"v":2}"#]),
        Case(
            ##"{"$ref":"#/$defs/tree","$defs":{"tree":{"type":"array","items":{"anyOf":[{"type":"integer"},{"$ref":"#/$defs/tree"}]}}}}"##,
            ["[]", "[1,[2,[]],3]", "[[[[[[]]]]]]"], ["[[]", "1", "[1,[a]]"]),
        Case(#"{"type":"integer","nullable":true,"minimum":1,"maximum":2}"#, ["1", "null"], ["3"]),
        Case(#"{"anyOf":[true,false]}"#, ["1"], ["x"]),
        Case(
            #"{"$schema":"s","$id":"i","$comment":"c","title":"t","description":"d","default":1,"examples":[],"x-y":1,"deprecated":true,"type":"null"}"#,
            ["null"], ["1"]),
    ]

    @Test(arguments: cases) func texts(_ test: Case) throws {
        let constraint = try Constraint.jsonSchema(test.schema)
        let schema = try JSONValue(parsing: Array(test.schema.utf8))
        for text in test.accepted {
            #expect(constraint.accepts(text), "\(text) for \(test.schema)")
            // The validator knows neither OpenAPI nor escapes in pointers.
            if test.schema.contains("nullable") || test.schema.contains("~1") { continue }
            let value = try JSONValue(parsing: Array(text.utf8))
            #expect(SchemaValidator(root: schema).isValid(value, schema), "\(text) isn't valid for \(test.schema)")
        }
        for text in test.refused { #expect(!constraint.accepts(text), "\(text) for \(test.schema)") }
    }

    /// Keys that aren't listed don't repeat, wherever a token ends.
    @Test func uniqueKeys() throws {
        let constraint = try Constraint.jsonSchema(#"{"type":"object","additionalProperties":true,"minProperties":2}"#)
        #expect(constraint.accepts(#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#) && !constraint.accepts(#"{"a":1}"#))
        for text in [#"{"a":1,"a":2}"#, #"{"":1,"b":{"":2},"":3}"#, #"{"b":{"a":[],"a":1}}"#, #"{"\"":1,"\"":2}"#] {
            #expect(!constraint.accepts(text))
        }
        // A vocabulary in which a token ends a key and one holds a whole key.
        let pieces = ["{\"", "\":1,\"", "a", "ab", "a\":1", "\"a\":", "b", "\":1}", "1,\"a\":"]
        let spellings = TestVocabulary.spellings + pieces.map { Array($0.utf8) }
        let matcher = try constraint.matcher(with: VocabularyTree(spellings))
        let first = TestVocabulary.spellings.count
        var position = matcher.start()
        for piece in [0, 2, 1] { position = try #require(matcher.advance(position, by: first + piece)) }
        // After {"a":1," an a can begin "ab" but not end.
        let mask = matcher.mask(at: position)
        #expect(mask.contains(first + 2) && mask.contains(first + 3) && !mask.contains(first + 4))
        #expect(matcher.advance(position, by: first + 4) == nil)
        position = try #require(matcher.advance(position, by: first + 2))
        #expect(!matcher.mask(at: position).contains(first + 1) && !matcher.mask(at: position).contains(first + 7))
        position = try #require(matcher.advance(position, by: first + 6))
        #expect(matcher.mask(at: position).contains(first + 1) && matcher.mask(at: position).contains(first + 7))
        // After {"a": the token 1,"a": repeats the key as a whole.
        var other = matcher.start()
        for piece in [0, 2] { other = try #require(matcher.advance(other, by: first + piece)) }
        for byte in "\":".utf8 { other = try #require(matcher.advance(other, by: 1 + Int(byte))) }
        #expect(!matcher.mask(at: other).contains(first + 8))
    }

    @Test func whitespace() throws {
        let schema =
            #"{"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}},"b":{"const":{"k":[1,2]}}}}"#
        let compact = try Constraint.jsonSchema(schema)
        let spaced = try Constraint.jsonSchema(schema, whitespace: .spaced)
        let flexible = try Constraint.jsonSchema(schema, whitespace: .flexible)
        let one = #"{"a":[1,2],"b":{"k":[1,2]}}"#
        let two = #"{"a": [1, 2], "b": {"k": [1, 2]}}"#
        let three = "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": {\"k\":[1,2]}\n}"
        #expect(compact.accepts(one) && !compact.accepts(two) && !compact.accepts(three))
        #expect(!spaced.accepts(one) && spaced.accepts(two) && !spaced.accepts(three))
        #expect(flexible.accepts(one) && flexible.accepts(three) && flexible.accepts("{ \"a\":[ 1, 2] }"))
        #expect(!flexible.accepts("{\n\n\"a\":[]}") && !flexible.accepts("{\"a\" :[]}") && !flexible.accepts(" {}"))
        #expect(flexible.accepts("{\n" + String(repeating: " ", count: 32) + "\"a\":[]}"))
        #expect(!flexible.accepts("{\n" + String(repeating: " ", count: 33) + "\"a\":[]}"))
    }

    @Test(arguments: [
        (#"{"not":{}}"#, "not", "#/not"), (#"{"if":true}"#, "if", "#/if"),
        (#"{"properties":{"a/b":{"contains":1}}}"#, "contains", "#/properties/a~1b/contains"),
        (#"{"patternProperties":{}}"#, "patternProperties", "#/patternProperties"),
        (#"{"propertyNames":{}}"#, "propertyNames", "#/propertyNames"),
        (#"{"dependentRequired":{}}"#, "dependentRequired", "#/dependentRequired"),
        (#"{"unevaluatedProperties":false}"#, "unevaluatedProperties", "#/unevaluatedProperties"),
        (#"{"uniqueItems":true}"#, "uniqueItems", "#/uniqueItems"),
        (#"{"items":[{"madeUp":1}]}"#, "an array as items, which prefixItems has replaced,", "#/items"),
        (#"{"items":{"madeUp":1}}"#, "madeUp", "#/items/madeUp"),
        (#"{"type":"number","multipleOf":0.1}"#, "multipleOf that isn't a whole number up to 1,000", "#/multipleOf"),
        (#"{"type":"string","format":"email"}"#, "the format email", "#/format"),
        (#"{"pattern":"a","format":"date"}"#, "format beside pattern", "#/format"),
        (#"{"type":"string","pattern":"(?=a)"}"#, "look-ahead", "#/pattern, character 1 of the pattern"),
        (
            #"{"oneOf":[{"type":"integer"},{"type":"number"}]}"#,
            "oneOf with parts that one value may satisfy, 0 and 1,", "#/oneOf"
        ),
        (
            #"{"oneOf":[{"properties":{"a":true}},{"properties":{"b":true}}]}"#,
            "oneOf with parts that one value may satisfy, 0 and 1,", "#/oneOf"
        ),
        (
            #"{"oneOf":[{"const":1,"nullable":true},{"const":2,"nullable":true}]}"#,
            "oneOf with parts that one value may satisfy, 0 and 1,", "#/oneOf"
        ),
        (#"{"enum":[1],"minimum":0}"#, "minimum beside enum", "#/minimum"),
        (#"{"anyOf":[true],"oneOf":[true]}"#, "oneOf beside anyOf", "#/oneOf"),
        (#"{"allOf":[{"pattern":"a"},{"pattern":"b"}]}"#, "pattern in two parts", "#/allOf/1/pattern"),
        (#"{"$ref":"other.json"}"#, "a $ref to another document or an anchor, \"other.json\",", "#/$ref"),
        (##"{"$ref":"#name"}"##, "a $ref to another document or an anchor, \"#name\",", "#/$ref"),
        (##"{"anyOf":[{"$ref":"#"},{"const":1}]}"##, "left recursion", "#"),
        (##"{"allOf":[{"$ref":"#/allOf/0","minimum":1}]}"##, "a $ref that leads back to itself", "#/allOf/0/$ref"),
        (
            #"{"minProperties":2,"properties":{"a":true,"b":true}}"#, "minProperties beyond the required properties",
            "#/minProperties"
        ),
        (
            #"{"maxProperties":1,"properties":{"a":true,"b":true}}"#, "maxProperties below the number of properties",
            "#/maxProperties"
        ),
        (#"{"type":"number","minimum":0.1234567890123456}"#, "a bound with so many digits", "#"),
    ])
    func unsupported(schema: String, feature: String, place: String) {
        let error = constraintError { () throws(ConstraintError) in try .jsonSchema(schema) }
        #expect(error == .unsupported(feature, at: place), "\(schema)")
    }

    @Test(arguments: [
        ("false", ""), (#"{"enum":[]}"#, "#"), (#"{"enum":["a"],"type":"integer"}"#, "#"),
        (#"{"minItems":2,"maxItems":1}"#, "#/maxItems"), (#"{"minLength":2,"maxLength":1}"#, "#/maxLength"),
        (#"{"minimum":2,"maximum":1}"#, "#"), (#"{"exclusiveMinimum":1,"maximum":1}"#, "#"),
        (#"{"type":"integer","exclusiveMinimum":1,"exclusiveMaximum":2}"#, ""),
        (#"{"type":"integer","multipleOf":10,"minimum":1,"maximum":9}"#, ""),
        (#"{"properties":{"a":false},"required":["a"]}"#, ""),
        (#"{"additionalProperties":false,"required":["a"]}"#, "#/required"),
        (#"{"items":false,"minItems":1}"#, ""), (#"{"allOf":[{"type":"string"},{"type":"integer"}]}"#, "#/allOf/1"),
        (#"{"allOf":[{"const":1},{"const":2}]}"#, "#/allOf/1"), (#"{"anyOf":[false]}"#, ""),
        (#"{"type":"string","pattern":"^abc$","maxLength":2}"#, ""), (#"{"pattern":"[]"}"#, ""),
        (##"{"type":"array","items":{"$ref":"#"},"minItems":1}"##, ""),
        (##"{"$ref":"#"}"##, ""), (##"{"allOf":[{"$ref":"#/allOf/0"}]}"##, ""),
        (#"{"minProperties":3,"maxProperties":2}"#, "#/maxProperties"),
    ])
    func unsatisfiable(schema: String, place: String) {
        let error = constraintError { () throws(ConstraintError) in try .jsonSchema(schema) }
        #expect(error == .unsatisfiable(at: place), "\(schema)")
    }

    @Test(arguments: [
        ("", "line 1, column 1"), ("{", "line 1, column 2"), ("1", "#"), (#"{"type":"text"}"#, "#/type"),
        (#"{"type":[]}"#, "#/type"), (#"{"minLength":-1}"#, "#/minLength"), (#"{"minimum":"1"}"#, "#/minimum"),
        (#"{"required":"a"}"#, "#/required"), (#"{"properties":[]}"#, "#/properties"), (#"{"enum":1}"#, "#/enum"),
        (#"{"anyOf":[]}"#, "#/anyOf"), (#"{"anyOf":1}"#, "#/anyOf"), (#"{"pattern":1}"#, "#/pattern"),
        (#"{"pattern":"("}"#, "#/pattern, character 1 of the pattern"), (#"{"multipleOf":0}"#, "#/multipleOf"),
        (#"{"uniqueItems":1}"#, "#/uniqueItems"), (##"{"$ref":"#/$defs/a"}"##, "#/$ref"), (#"{"$ref":1}"#, "#/$ref"),
        (#"{"items":1}"#, "#/items"), (#"{"a":1,"a":2}"#, "line 1, column 8"),
        (#"{"nullable":1,"type":"null"}"#, "#/nullable"),
    ])
    func malformed(schema: String, place: String) {
        let error = constraintError { () throws(ConstraintError) in try .jsonSchema(schema) }
        guard case .malformed(at: place, reason: _) = error else {
            Issue.record("\(schema) gives \(String(describing: error))")
            return
        }
    }

    /// Schemas that would take for ever or fill the memory.
    @Test func hostile() {
        func error(_ schema: String) -> ConstraintError? {
            constraintError { () throws(ConstraintError) in try .jsonSchema(schema) }
        }
        #expect(error(#"{"type":"array","items":{"type":"integer"},"minItems":9000000}"#) == .tooLarge(limit: 1 << 19))
        #expect(error(#"{"type":"string","maxLength":1000000000}"#) == nil)
        // Each level doubles what stands within.
        var schema = #"{"type":"string"}"#
        for _ in 0..<28 { schema = #"{"properties":{"a":\#(schema)},"anyOf":[{"required":["a"]},{"required":["b"]}]}"# }
        #expect(error(schema) == .tooLarge(limit: 20_000))
        // Repetitions of nothing, and of what no length allows.
        for pattern in ["^(a{524288}){524288}$", "^(){524288}$"] {
            #expect(
                error(#"{"type":"string","pattern":"\#(pattern)","maxLength":40}"#) == .tooLarge(limit: 1 << 24))
        }
        let longest = #"{"type":"string","minLength":9223372036854775807}"#
        for schema in [longest, #"{"properties":{"a":\#(longest)}}"#, #"{"items":\#(longest)}"#] {
            #expect(error(schema) != nil, "\(schema)")
        }
        // Each level compares all properties of the next with one another.
        let names = (0..<20).map { "\"p\($0)\"" }
        let reference = ##"{"$ref":"#/$defs/n"}"##
        let properties = names.map { "\($0):\(reference)" }.joined(separator: ",")
        let node = ##"{"type":"object","properties":{\##(properties)},"required":[\##(names.joined(separator: ","))]}"##
        let twins = ##"{"oneOf":[\##(reference),\##(reference)],"$defs":{"n":\##(node)}}"##
        guard case .unsupported? = error(twins) else {
            Issue.record("twins aren't refused")
            return
        }
        let wide = (0..<300).map { #"{"const":\#($0)}"# }.joined(separator: ",")
        #expect(error(#"{"oneOf":[\#(wide)]}"#) == .tooLarge(limit: 256))
    }
}
