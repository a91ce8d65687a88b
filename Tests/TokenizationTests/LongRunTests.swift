import TestSupport
import Testing
import Tokenization

/// Long runs of one character. Encoding costs O(n log n) at most in every form: what scanned such a run anew for each of
/// its pieces, or a word for each of its merges, would take hours here.
@Suite struct LongRunTests {
    @Test(arguments: Goldens.names)
    func aMillionTimesTheSame(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        for (character, factor) in [
            ("a", 250), (" ", 250), ("\n", 25), ("1", 25), ("'", 25), ("A", 25), ("\u{301}", 25), ("字", 25), ("▁", 25),
            ("\0", 25),
        ] {
            // As many tokens as the package makes of shorter runs, grown with the run: nearly so, where a token spans
            // more than a few characters or an unknown one all of them.
            let count = { (length: Int) in
                tokenizer.encode(String(repeating: character, count: length), addSpecialTokens: false).count
            }
            let (short, long) = (count(4_000), count(4_000 * factor))
            #expect(abs(long - short * factor) <= max(2 * factor, short), "\(character.debugDescription)")
        }
    }

    @Test func aLongRunComesBack() throws {
        for name in ["llama2", "mistral", "gemma", "gpt2", "llama3"] {
            let tokenizer = try Goldens.tokenizer(name)
            let text = String(repeating: "ab c\n", count: 100_000)
            let ids = tokenizer.encode(text)
            #expect(try tokenizer.decode(ids, skipSpecialTokens: true) == text)
            var detokenizer = tokenizer.makeDetokenizer()
            var streamed = ""
            for id in ids { streamed += try detokenizer.append(id) }
            #expect(streamed + detokenizer.finish() == text)
        }
    }
}
