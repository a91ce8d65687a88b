import Constraints
import StrictJSON
import TestSupport
import Testing

/// Random schemas and random tokens: every text that ends is JSON and valid, and none gets stuck.
@Suite struct SchemaFuzzTests {
    @Test func randomSchemas() throws {
        var made = 0
        var ended = 0
        for seed in 0..<constraintCount {
            var maker = SchemaMaker(random: SeededGenerator(seed: UInt64(seed)))
            let text = maker.document()
            let whitespace = try #require(Constraint.Whitespace.allCases.randomElement(using: &maker.random))
            let constraint: Constraint
            do throws(ConstraintError) {
                constraint = try .jsonSchema(text, whitespace: whitespace)
            } catch {
                // Parts that can't be combined and bounds without a number between are refused.
                continue
            }
            made += 1
            let schema = try JSONValue(parsing: Array(text.utf8))
            let validator = SchemaValidator(root: schema)
            for _ in 0..<3 {
                switch try constraint.randomText(patience: 40, random: &maker.random) {
                case .ended(let json):
                    ended += 1
                    #expect(constraint.accepts(json), "\(json) for \(text)")
                    do {
                        let value = try JSONValue(parsing: Array(json.utf8))
                        #expect(validator.isValid(value, schema), "\(json) isn't valid for \(text)")
                    } catch { Issue.record("\(json) isn't JSON: \(error) for \(text)") }
                case .stuck(let json): Issue.record("stuck after \(json) for \(text)")
                case .tooLong: break
                }
            }
        }
        #expect(made > constraintCount / 2 && ended > made)
    }

    /// Random bytes and broken schemas are refused, and nothing traps.
    @Test func brokenSchemas() {
        var random = SeededGenerator(seed: 5)
        var refused = 0
        for seed in 0..<constraintCount {
            var maker = SchemaMaker(random: SeededGenerator(seed: UInt64(seed)))
            var bytes = Array(maker.document().utf8)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: bytes[index] = UInt8.random(in: 32...126, using: &random)
                case 1: bytes.remove(at: index)
                default: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: index)
                }
            }
            if constraintError({ () throws(ConstraintError) in try .jsonSchema(bytes) }) != nil { refused += 1 }
        }
        #expect(refused > constraintCount / 2)
    }
}

/// Makes schemas of the supported keywords.
private struct SchemaMaker {
    var random: SeededGenerator

    /// A whole schema; some refer to themselves.
    mutating func document() -> String {
        guard chance(4) else { return schema(3) }
        return ##"{"type":"object","properties":{"v":\##(schema(1)),"n":{"$ref":"#"},"d":{"$ref":"#/$defs/x"}},"##
            + ##""required":["v"],"$defs":{"x":{"anyOf":[\##(schema(1)),{"type":"array","items":{"$ref":"#/$defs/x"}}]}}}"##
    }

    private mutating func chance(_ of: Int) -> Bool { Int.random(in: 0..<of, using: &random) == 0 }
    private mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func element(_ texts: [String]) -> String { texts.randomElement(using: &random) ?? "" }

    private mutating func schema(_ depth: Int) -> String {
        switch number(0...(depth > 0 ? 11 : 6)) {
        case 0: return element([#"{"type":"null"}"#, #"{"type":"boolean"}"#, #"{"type":["integer","null"]}"#])
        case 1, 2: return string()
        case 3, 4: return bounds()
        case 5:
            return element([
                #"{"enum":[1,"a\"é",null,[1,{"k":2}]]}"#, #"{"const":{"a":[1.5,-2e30]}}"#, #"{"const":"\u0001"}"#,
            ])
        case 6: return depth > 0 && chance(3) ? "true" : #"{"type":"string"}"#
        case 7, 8: return object(depth - 1)
        case 9: return array(depth - 1)
        case 10: return #"{"anyOf":[\#(schema(depth - 1)),\#(schema(depth - 1))]}"#
        default:
            let tagged = (0..<2).map { tag in
                #"{"type":"object","properties":{"t":{"const":\#(tag)},"x":\#(schema(depth - 1))},"required":["t"]}"#
            }
            return element([
                #"{"oneOf":[\#(tagged.joined(separator: ","))]}"#,
                #"{"allOf":[\#(object(depth - 1)),{"type":"object","properties":{"more":\#(schema(0))},"required":["more"]}]}"#,
            ])
        }
    }

    private mutating func string() -> String {
        let minimum = number(0...3)
        return element([
            #"{"type":"string"}"#,
            #"{"type":"string","minLength":\#(minimum),"maxLength":\#(minimum + number(0...4))}"#,
            #"{"type":"string","minLength":\#(minimum)}"#, #"{"type":"string","pattern":"^[a-c]+(-[0-9]{2})?$"}"#,
            #"{"type":"string","pattern":"a[^b]|é"}"#,
            #"{"type":"string","pattern":"^[^\\n]{2,}$","maxLength":\#(minimum + 2)}"#,
            #"{"type":"string","format":"date-time"}"#,
            #"{"type":"string","pattern":"\\d","minLength":2,"maxLength":6}"#,
        ])
    }

    private mutating func bounds() -> String {
        let low = number(-200...200)
        let high = low + number(0...300)
        let (lowTenths, highTenths) = (Double(low) / 8, Double(high) / 8)
        return element([
            #"{"type":"integer"}"#, #"{"type":"number"}"#, #"{"type":"integer","minimum":\#(low),"maximum":\#(high)}"#,
            #"{"type":"number","minimum":\#(lowTenths),"maximum":\#(highTenths)}"#,
            #"{"type":"number","exclusiveMinimum":\#(lowTenths),"exclusiveMaximum":\#(highTenths)}"#,
            #"{"type":"number","exclusiveMinimum":\#(low)}"#, #"{"type":"integer","exclusiveMaximum":\#(lowTenths)}"#,
            #"{"type":"integer","multipleOf":\#(number(1...40)),"minimum":\#(low)}"#,
            #"{"type":"number","multipleOf":\#(number(1...9))}"#,
        ])
    }

    private mutating func object(_ depth: Int) -> String {
        let names = ["name", "a", "ab", "é", "q\\\"", "the"].shuffled(using: &random).prefix(number(0...4))
        let properties = names.map { #""\#($0)":\#(schema(depth))"# }.joined(separator: ",")
        let required = names.filter { _ in chance(2) }.map { #""\#($0)""# }.joined(separator: ",")
        let additional = element(["", #","additionalProperties":false"#, #","additionalProperties":\#(schema(0))"#, ""])
        return #"{"type":"object","properties":{\#(properties)},"required":[\#(required)]\#(additional)}"#
    }

    private mutating func array(_ depth: Int) -> String {
        let minimum = number(0...2)
        let prefix = chance(3) ? #","prefixItems":[\#(schema(depth)),\#(schema(depth))]"# : ""
        let maximum = chance(2) ? #","maxItems":\#(minimum + number(0...3))"# : ""
        return #"{"type":"array","items":\#(schema(depth)),"minItems":\#(minimum)\#(maximum)\#(prefix)}"#
    }
}
