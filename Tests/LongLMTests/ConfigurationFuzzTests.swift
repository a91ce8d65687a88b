import Foundation
import LongLM
import TestSupport
import Testing

@Suite struct ConfigurationFuzzTests {
    /// A mutated file gives an error, or a configuration whose sizes can be computed with; a trap would end the test
    /// process.
    @Test(arguments: 0..<4)
    func mutatedFiles(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var (parsed, refused) = (0, 0)
        for _ in 0..<3_000 {
            var members = Self.members
            let family = ModelConfiguration.supportedModelTypes.randomElement(using: &generator) ?? ""
            members[members.firstIndex { $0.key == "model_type" } ?? 0].value = "\"\(family)\""
            for _ in 0..<Int.random(in: 0...3, using: &generator) {
                members[Int.random(in: members.indices, using: &generator)].value =
                    Self.values[Int.random(in: Self.values.indices, using: &generator)]
            }
            if Int.random(in: 0..<4, using: &generator) == 0 {
                // A key that stands twice.
                var again = members[Int.random(in: members.indices, using: &generator)]
                again.value = Self.values[Int.random(in: Self.values.indices, using: &generator)]
                members.insert(again, at: Int.random(in: members.indices, using: &generator))
            }
            var bytes = Array("{".utf8)
            bytes += members.map { "\"\($0.key)\": \($0.value)" }.joined(separator: ",").utf8
            bytes += "}".utf8
            if Bool.random(using: &generator) { Self.mutate(&bytes, using: &generator) }
            do throws(ModelError) {
                let configuration = try ModelConfiguration(json: Data(bytes), file: "config.json")
                parsed += 1
                Self.useSizes(of: configuration)
            } catch {
                refused += 1
                #expect(!error.description.isEmpty)
            }
        }
        #expect(parsed > 100 && refused > 100, "\(parsed) parsed, \(refused) refused")
    }

    /// The largest sizes that are accepted together.
    @Test(arguments: [(131_072, 2), (2, 131_072), (1, 262_144)])
    func largestSizes(heads: Int, headDimension: Int) throws {
        let json = """
            {"model_type": "llama", "hidden_size": 16777216, "intermediate_size": 16777216, "num_hidden_layers": 4096,
            "num_attention_heads": \(heads), "num_key_value_heads": \(heads), "head_dim": \(headDimension),
            "vocab_size": 16777216, "max_position_embeddings": 16777216}
            """
        Self.useSizes(of: try ModelConfiguration(json: Data(json.utf8), file: "config.json"))
    }

    /// A parser that recursed without a limit would overflow the stack.
    @Test(arguments: ["[", #"{"a":"#, #"{"model_type":"llama","rope_scaling":["#])
    func deepNesting(opening: String) throws {
        let json = opening + String(repeating: opening == "{\"a\":" ? opening : "[", count: 100_000)
        let reason = try #require(malformation(json))
        #expect(reason.hasSuffix(": nested deeper than 64 levels"), "\(reason)")
    }

    /// Files that a decoder which tries one type after another, or compares every key with every other, reads for
    /// minutes: nested as deep as a file may be and deeper, with many members on each level, with a key twice at the end.
    @Test func timeIsLinear() throws {
        let members = (0..<20).map { #""k\#($0)": \#($0), "# }.joined()
        func nested(_ depth: Int, _ inner: String) -> String {
            String(repeating: "{\(members)\"x\": [", count: depth) + inner + String(repeating: "]}", count: depth)
        }
        let many = (0..<200_000).map { #""m\#($0)": [{}]"# }.joined(separator: ", ")
        let start = ContinuousClock.now
        #expect(malformation(nested(200, "1"))?.hasSuffix("nested deeper than 64 levels") == true)
        #expect(malformation(nested(32, "1")) == "model_type is missing")
        #expect(
            malformation("{\"y\": [" + (0..<1_000).map { _ in nested(31, "1") }.joined(separator: ",") + "]}")
                == "model_type is missing")
        #expect(malformation("{\(many)}") == "model_type is missing")
        #expect(malformation("{\(many), \"m7\": 0}")?.hasSuffix("the key m7 occurs twice") == true)
        // Hundredths of a second for the small ones and about one for the large; the machine may be busy.
        #expect(ContinuousClock.now - start < .seconds(30))
    }

    /// Why a file is refused that isn't JSON of the right form.
    private func malformation(_ json: String) -> String? {
        do throws(ModelError) {
            _ = try ModelConfiguration(json: Data(json.utf8), file: "config.json")
            return nil
        } catch {
            guard case .malformedConfiguration(_, let reason) = error else { return error.description }
            return reason
        }
    }

    private static func useSizes(of configuration: ModelConfiguration) {
        for length in [0, 1, 1 << 24] {
            let plain = configuration.cacheByteCount(length: length)
            let extended = configuration.cacheByteCount(length: length, neighborWindow: configuration.contextLength)
            #expect(plain >= 0 && extended > plain)
        }
        #expect(configuration.queryHeadCount * configuration.headDimension <= 1 << 18)
        #expect(configuration.headDimension % 2 == 0 && configuration.ropeTheta.isFinite)
        #expect(configuration.layerAttention.count == configuration.layerCount)
        for rotary in [configuration.rotary, configuration.localRotary].compactMap(\.self) {
            #expect(rotary.dimension % 2 == 0 && (2...configuration.headDimension).contains(rotary.dimension))
            // The longest tables take too long for every one of thousands of files.
            if rotary.dimension > 4096 { continue }
            for length in [1, 1 << 24] {
                #expect(rotary.frequencies(length: length).inverse.count == rotary.dimension / 2)
            }
        }
    }

    private static let members: [(key: String, value: String)] = TinyLlama().configuration
        .merging([
            "head_dim": "12", "rope_scaling": "null", "rope_parameters": "{}", "partial_rotary_factor": "null",
            "sliding_window": "null", "layer_types": "null", "no_rope_layers": "null", "query_pre_attn_scalar": "null",
            "attn_logit_softcapping": "null", "max_window_layers": "null", "sliding_window_pattern": "null",
            "original_max_position_embeddings": "null",
        ]) { $1 }
        .sorted { $0.key < $1.key }.map { ($0.key, $0.value) }

    /// What any value may be replaced by: numbers at the edges of every type, other types, deep nesting.
    private static let values = [
        "0", "1", "-1", "2", "3", "7", "64", "4096", "262144", "16777216", "16777217", "2147483648", "4294967296",
        "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "1e3", "1E+18",
        "1e19", "1e308", "1e309", "-1e309", "1e-400", "0.5", "1.0", "1.5", "-0", "-0.0", "NaN", "nan", "Infinity",
        "-Infinity", "0x10", "01", "+1", "1.", ".5", "null", "true", "false", "\"\"", "\"llama\"", "\"48\"",
        "\"\\ud800\"", "\"\\u0000\"", "[]", "{}", "[1]", "[1, 2]", "[null]", "[[1]]", "[\"2\"]",
        #"{"type": "default"}"#, #"{"rope_type": "llama3"}"#, #"{"type": "linear", "factor": 2}"#,
        #"{"type": "dynamic", "factor": 1e6}"#, #"{"type": "yarn", "factor": 4, "beta_fast": 1e-30}"#,
        #"{"type": "yarn", "factor": 1, "original_max_position_embeddings": 1}"#,
        #"{"rope_type": "llama3", "factor": 8, "low_freq_factor": 1e-30, "high_freq_factor": 1e30}"#,
        #"{"type": "longrope", "short_factor": [1, 1, 1, 1, 1, 1], "long_factor": [1, 2, 3, 4, 5, 1e30]}"#,
        #"{"full_attention": {"rope_theta": 5}, "sliding_attention": {"rope_type": "linear", "factor": 2}}"#,
        #"["full_attention", "sliding_attention"]"#, "[0, 1]", #"{"rope_theta": 1e309}"#, #"{"rope_theta": -1}"#,
        String(repeating: "[", count: 400) + String(repeating: "]", count: 400),
        String(repeating: #"{"a":"#, count: 600) + "1" + String(repeating: "}", count: 600),
        String(repeating: "9", count: 400), "1" + String(repeating: "0", count: 400) + ".5e-400",
    ]

    /// Flips, removes, repeats and truncates bytes at random places.
    private static func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...3, using: &generator) where bytes.count > 1 {
            let position = Int.random(in: bytes.indices, using: &generator)
            switch Int.random(in: 0..<12, using: &generator) {
            case 0: bytes.removeLast(bytes.count - position)
            case 1: bytes.remove(at: position)
            case 2: bytes.insert(bytes[position], at: position)
            case 3: bytes[position] = "{}[]\",:\\-+.eE".utf8.randomElement(using: &generator) ?? 0
            case 4: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            case 5:
                let end = min(bytes.count, position + Int.random(in: 1...20, using: &generator))
                bytes.insert(contentsOf: bytes[position..<end], at: position)
            default:
                // Another digit, which most often leaves JSON that can be read.
                let digits = bytes.indices.filter { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[$0]) }
                guard let digit = digits.randomElement(using: &generator) else { continue }
                bytes[digit] = UInt8.random(in: UInt8(ascii: "0")...UInt8(ascii: "9"), using: &generator)
            }
        }
    }
}
