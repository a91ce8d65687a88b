import Foundation
import TestSupport
import Testing
import Tokenization

@Suite struct FuzzTests {
    /// Broken files give an error or a tokenizer that works; a crash would end the test process.
    @Test(arguments: ["base", "flags", "llama3"])
    func mutatedFiles(name: String) throws {
        let original =
            name == "base"
            ? Array(tokenizerJSON().utf8) : [UInt8](try Data(contentsOf: Goldens.url("\(name).tokenizer")))
        var generator = SeededGenerator(seed: 42)
        var (loaded, rejected) = (0, 0)
        for _ in 0..<(name == "base" ? 20_000 : 2_500) {
            var bytes = original
            Self.mutate(&bytes, using: &generator)
            do throws(TokenizerError) {
                let tokenizer = try Tokenizer(json: bytes, name: name)
                loaded += 1
                let ids = tokenizer.encode("ab <s>é 12 I'm\n[L] <|begin_of_text|>")
                #expect(ids.allSatisfy { tokenizer.token(id: $0) != nil })
                _ = try tokenizer.decode(ids)
            } catch {
                rejected += 1
                #expect(!error.description.isEmpty)
            }
        }
        #expect(loaded > 50 && rejected > 50, "\(loaded) loaded, \(rejected) rejected")
    }

    /// Flips, removes, repeats and truncates bytes at random places.
    private static func mutate(_ bytes: inout [UInt8], using generator: inout SeededGenerator) {
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
