import Foundation
import TestSupport
import Testing
import Tokenization

@Suite struct FuzzTests {
    /// Broken files give an error or a tokenizer that works; a crash would end the test process.
    @Test(arguments: [("base", tokenizerJSON()), ("characters", characters), ("composed", composed)])
    func mutatedSmallFiles(name: String, json: String) throws {
        try mutate(Array(json.utf8), name: name, count: 20_000)
    }

    @Test(arguments: Goldens.names)
    func mutatedFiles(name: String) throws {
        try mutate([UInt8](Data(contentsOf: Goldens.url("\(name).tokenizer"))), name: name, count: 1_500)
    }

    /// Every component of the vocabularies of characters, with little vocabulary: most mutations meet a component.
    private static let characters = tokenizerJSON(
        normalizer: #"{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},"#
            + #"{"type":"Replace","pattern":{"String":" "},"content":"▁"}]}"#,
        preTokenizer: #"{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}"#,
        postProcessor: #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},"#
            + #"{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[6],"tokens":["<s>"]}}}"#,
        decoder: #"{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},"#
            + #"{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]}"#,
        options: #","byte_fallback":true,"fuse_unk":true,"unk_token":"<unk>""#,
        vocabulary: #"{"a":0,"b":1,"ab":2,"<0xC3>":3,"<unk>":4,"▁":5}"#)

    /// The other components, and regular expressions.
    private static let composed = tokenizerJSON(
        normalizer: #"{"type":"Sequence","normalizers":[{"type":"NFKC"},{"type":"Lowercase"},"#
            + #"{"type":"Strip","strip_left":true,"strip_right":false},"#
            + #"{"type":"Replace","pattern":{"Regex":"\\s{2,}|a(b|c)?"},"content":"b"}]}"#,
        preTokenizer:
            #"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t)|[^\\r\\n\\p{L}]?"#
            + #"\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}]++|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},"#
            + #"{"type":"Digits","individual_digits":true},{"type":"Punctuation","behavior":"MergedWithNext"},"#
            + #"{"type":"Whitespace"},{"type":"WhitespaceSplit"},{"type":"ByteLevel","add_prefix_space":true}]}"#,
        decoder:
            #"{"type":"Sequence","decoders":[{"type":"ByteLevel"},{"type":"Strip","content":"a","start":1,"stop":2},"#
            + #"{"type":"Metaspace","replacement":"b","prepend_scheme":"never"}]}"#)

    private func mutate(_ original: [UInt8], name: String, count: Int) throws {
        var generator = SeededGenerator(seed: 42)
        var (loaded, rejected) = (0, 0)
        for _ in 0..<count {
            var bytes = original
            Self.mutate(&bytes, using: &generator)
            do throws(TokenizerError) {
                let tokenizer = try Tokenizer(json: bytes, name: name)
                loaded += 1
                let ids = tokenizer.encode("ab <s>é 12 I'm\n[L] <|begin_of_text|>")
                #expect(ids.allSatisfy { tokenizer.token(id: $0) != nil })
                var detokenizer = tokenizer.makeDetokenizer(skipSpecialTokens: false)
                var streamed = ""
                for id in ids { streamed += try detokenizer.append(id) }
                #expect(try scalars(streamed + detokenizer.finish()) == scalars(tokenizer.decode(ids)))
            } catch {
                rejected += 1
                #expect(!error.description.isEmpty)
            }
        }
        #expect(loaded > 20 && rejected > 20, "\(loaded) loaded, \(rejected) rejected")
    }

    /// Flips, removes, repeats and truncates bytes at random places.
    static func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
        for _ in 0..<Int.random(in: 1...3, using: &generator) where bytes.count > 1 {
            let position = Int.random(in: bytes.indices, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: bytes.removeLast(bytes.count - position)
            case 1: bytes.remove(at: position)
            case 2: bytes.insert(bytes[position], at: position)
            case 3: bytes[position] = UInt8(ascii: "0") + UInt8.random(in: 0...9, using: &generator)
            case 4: bytes[position] = "{}[]\",:\\".utf8.randomElement(using: &generator) ?? 0
            case 5:
                let end = min(bytes.count, position + Int.random(in: 1...20, using: &generator))
                bytes.insert(contentsOf: bytes[position..<end], at: position)
            default: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            }
        }
    }
}
