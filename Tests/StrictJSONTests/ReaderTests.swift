import StrictJSON
import TestSupport
import Testing

/// Reading token by token, and what values say of themselves.
@Suite struct ReaderTests {
    private struct Refusal: Error, Equatable {
        let offset: Int
        let reason: String

        init(_ error: JSONError) { (offset, reason) = (error.offset, error.reason) }
    }

    private static func numbers(_ text: String) throws(Refusal) -> [Int] {
        do throws(JSONError) {
            return try Array(text.utf8).withUnsafeBufferPointer { (buffer) throws(JSONError) in
                var reader = try JSONReader(UnsafeRawBufferPointer(buffer))
                let numbers = try reader.naturalNumbers()
                try reader.expectEnd()
                return numbers
            }
        } catch { throw Refusal(error) }
    }

    @Test func naturalNumbers() throws {
        #expect(try Self.numbers("[]") == [] && Self.numbers(" [ 0 , 7,9223372036854775807 ] ") == [0, 7, .max])
        for (text, offset) in [
            ("[-1]", 1), ("[-0]", 1), ("[1, 2.0]", 4), ("[1e2]", 1), ("[9223372036854775808]", 1), ("[\"1\"]", 1),
            ("[null]", 1), ("[[1]]", 1), ("[,1]", 1), ("[1,]", 3), ("[", 1),
        ] {
            #expect(throws: Refusal.self) { try Self.numbers(text) }
            do throws(Refusal) {
                _ = try Self.numbers(text)
            } catch {
                #expect(error.offset == offset, "\(text)")
                #expect(error.reason == "expected an integer from 0 to 9223372036854775807")
            }
        }
    }

    /// An object's members come in order, each is the caller's to read, and the caller's errors pass through.
    @Test func objects() throws {
        func read(_ text: String) throws(Refusal) -> [String] {
            let bytes = Array(text.utf8)
            return try bytes.withUnsafeBufferPointer { (buffer) throws(Refusal) in
                var seen: [String] = []
                do throws(JSONError) {
                    var reader = try JSONReader(UnsafeRawBufferPointer(buffer))
                    try reader.object({ $0 }) { (reader, key) throws(JSONError) in
                        if key == "skipped" {
                            try reader.skipValue()
                        } else {
                            seen.append(key + "=" + (try reader.string()))
                        }
                    }
                    try reader.expectEnd()
                } catch { throw Refusal(error) }
                return seen
            }
        }
        #expect(try read(#"{"a":"1","skipped":[{"a":[1,2]}, "}"],"\u0062":"\n"}"#) == ["a=1", "b=\n"])
        #expect(try read("{}") == [])
        for (text, offset, reason) in [
            ("[]", 0, "expected an object"), (#"{"a":1}"#, 5, "expected a string"),
            (#"{"a":"1","a":"2"}"#, 9, "the key a occurs twice"),
            (#"{"skipped":{"x":[{"k":1,"k":2}]}}"#, 24, "the key x[0].k occurs twice"),
        ] {
            do throws(Refusal) {
                _ = try read(text)
                Issue.record("\(text) was accepted")
            } catch { #expect(error.offset == offset && error.reason == reason, "\(text): \(error)") }
        }
    }

    @Test func accessors() throws {
        let value = try parse(#"{"b":true,"n":null,"i":2,"f":2.0,"h":2.5,"u":18446744073709551615,"s":"x","a":[1]}"#)
        #expect(value["b"]?.bool == true && value["n"]?.isNull == true && value["none"] == nil)
        #expect(value["s"]?.string == "x" && value["a"]?.elements?.count == 1 && value["a"]?["b"] == nil)
        #expect(value["i"]?.number?.wholeNumber == 2 && value["f"]?.number?.wholeNumber == 2)
        #expect(value["h"]?.number?.wholeNumber == nil && value["h"]?.number?.double == 2.5)
        #expect(value["u"]?.number?.wholeNumber == nil && value["u"]?.number?.double == 0x1p64)
        for (text, whole) in [
            ("9007199254740992.0", 1 << 53), ("-9.007199254740992e15", -1 << 53), ("9007199254740994.0", nil),
            ("1e30", nil),
            ("-9223372036854775809", nil), ("9223372036854775807", Int.max), ("-9223372036854775808", Int.min),
        ] { #expect(try parse(text).number?.wholeNumber == whole) }
        #expect(value["s"]?.number == nil && value["i"]?.string == nil && value["i"]?.bool == nil)
    }

    /// Damaged texts give an error or a value: a trap would end the test process. Both ways of reading agree about each.
    @Test func damagedTexts() {
        let original = Array(
            #"{"a": [1, -2.5e-3, {"é\u00e9\ud83d\ude00": [true, null]}], "b": {"": "x\n\"", "c": []}}"#.utf8)
        var generator = SeededGenerator(seed: 7)
        var (read, refused) = (0, 0)
        for _ in 0..<30_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) where bytes.count > 1 {
                let position = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<6, using: &generator) {
                case 0: bytes.removeLast(bytes.count - position)
                case 1: bytes.remove(at: position)
                case 2: bytes.insert(bytes[position], at: position)
                case 3: bytes[position] = "{}[]\",:\\u0-.eE \n".utf8.randomElement(using: &generator) ?? 0
                case 4: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
                default:
                    let end = min(bytes.count, position + Int.random(in: 1...20, using: &generator))
                    bytes.insert(contentsOf: bytes[position..<end], at: position)
                }
            }
            if let error = refusal(bytes) {
                refused += 1
                #expect(error.offset <= bytes.count && error.line >= 1 && error.column >= 1)
            } else {
                read += 1
            }
        }
        #expect(read > 100 && refused > 100, "\(read) read, \(refused) refused")
    }
}
