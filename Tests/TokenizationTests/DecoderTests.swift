import TestSupport
import Testing
import Tokenization

/// What decoders do that no published model asks for, or that the Python package can't be asked about.
@Suite struct DecoderTests {
    private static func sequence(_ parts: String...) -> String {
        #"{"type":"Sequence","decoders":[\#(parts.joined(separator: ","))]}"#
    }

    private static func strip(start: Int, stop: Int) -> String {
        #"{"type":"Strip","content":"s","start":\#(start),"stop":\#(stop)}"#
    }

    private static let fuse = #"{"type":"Fuse"}"#
    private static let replace = #"{"type":"Replace","pattern":{"String":"sat"},"content":"—"}"#

    private static func tokenizer(_ decoder: String) throws -> Tokenizer {
        try load(
            tokenizerJSON(
                addedTokens: "[]", decoder: decoder,
                vocabulary: #"{"s":0,"a":1,"ss":2,"sat":3,"t":4,"<0xC3>":5,"<0xA9>":6,"<0x+5>":7,"at":8}"#, merges: "[]"
            ))
    }

    @Test(arguments: [
        (strip(start: 1, stop: 1), [0, 2, 1], "a"),
        (strip(start: 2, stop: 0), [0, 2, 1, 3], "aat"),
        (sequence(fuse, strip(start: 2, stop: 0)), [0, 2, 1, 0], "sas"),
        (sequence(fuse, strip(start: 0, stop: 2)), [2, 1, 0, 2], "ssas"),
        (sequence(fuse, strip(start: 5, stop: 5)), [0, 2, 0], ""),
        (sequence(fuse, strip(start: 0, stop: 1)), [0, 1], "sa"),
        (replace, [0, 1, 4, 3], "sat—"),
        (sequence(fuse, replace), [0, 1, 4, 2, 8, 0], "—s—s"),
        (sequence(fuse, replace, strip(start: 1, stop: 1)), [2, 8, 2], "—s"),
        (#"{"type":"ByteFallback"}"#, [5, 6, 1, 5, 1, 6, 6], "éa\u{FFFD}a\u{FFFD}\u{FFFD}"),
        (#"{"type":"ByteFallback"}"#, [5, 6, 5], "\u{FFFD}\u{FFFD}\u{FFFD}"),
    ])
    func decodes(decoder: String, ids: [Int], text: String) throws {
        let tokenizer = try Self.tokenizer(decoder)
        #expect(try scalars(tokenizer.decode(ids)) == scalars(text))
        var detokenizer = tokenizer.makeDetokenizer()
        var streamed = ""
        for id in ids { streamed += try detokenizer.append(id) }
        #expect(scalars(streamed + detokenizer.finish()) == scalars(text))
        #expect(detokenizer.finish() == "", "finish starts anew")
    }

    @Test func everySplitOfAStreamGivesTheSameText() throws {
        let decoders = [
            Self.sequence(Self.fuse, Self.replace, Self.strip(start: 2, stop: 3)),
            Self.sequence(Self.replace, #"{"type":"ByteFallback"}"#, Self.strip(start: 1, stop: 1), Self.fuse),
            Self.sequence(#"{"type":"Metaspace","replacement":"s"}"#, Self.fuse, Self.replace),
        ]
        var generator = SeededGenerator(seed: 13)
        for decoder in decoders {
            let tokenizer = try Self.tokenizer(decoder)
            for _ in 0..<2000 {
                let ids = generator.tokens(Int.random(in: 0...7, using: &generator), below: 9)
                var detokenizer = tokenizer.makeDetokenizer()
                var streamed = ""
                for id in ids { streamed += try detokenizer.append(id) }
                streamed += detokenizer.finish()
                #expect(try scalars(streamed) == scalars(tokenizer.decode(ids)), "\(ids)")
            }
        }
    }

    /// What is complete is shown at once: only what a later token could change waits.
    @Test func textIsNotHeldBackLongerThanNeeded() throws {
        var detokenizer = try Goldens.tokenizer("llama2").makeDetokenizer()
        let tokenizer = try Goldens.tokenizer("llama2")
        let ids = tokenizer.encode("the text")
        var pieces: [String] = []
        for id in ids { pieces.append(try detokenizer.append(id)) }
        #expect(pieces.joined() == "the text" && detokenizer.finish() == "")
    }

    /// A text that nearly occurs everywhere takes no longer, and streams give the same as whole texts.
    @Test func replacing() throws {
        func tokenizer(_ pattern: String) throws -> Tokenizer {
            let replace = #"{"type":"Replace","pattern":{"String":"\#(pattern)"},"content":"xyz"}"#
            return try load(
                tokenizerJSON(
                    addedTokens: "[]", decoder: #"{"type":"Sequence","decoders":[{"type":"Fuse"},\#(replace)]}"#,
                    vocabulary: #"{"a":0,"b":1,"c":2}"#, merges: "[]"))
        }
        var generator = SeededGenerator(seed: 9)
        for _ in 0..<300 {
            func ids(_ count: Int) -> [Int] { (0..<count).map { _ in Int.random(in: 0...1, using: &generator) } }
            func text(_ ids: [Int]) -> String { String(ids.map { ["a", "b", "c"][$0] }) }
            let (pattern, all) = (text(ids(Int.random(in: 1...5, using: &generator))), ids(30))
            let tokenizer = try tokenizer(pattern)
            let expected = text(all).replacing(pattern, with: "xyz")
            #expect(try tokenizer.decode(all) == expected, "\(pattern)")
            var stream = tokenizer.makeDetokenizer(skipSpecialTokens: false)
            var streamed = ""
            for id in all { streamed += try stream.append(id) }
            #expect(streamed + stream.finish() == expected, "\(pattern)")
        }
        let nearly = try tokenizer(String(repeating: "a", count: 1_000) + "b")
        #expect(try nearly.decode([Int](repeating: 0, count: 300_000)).utf8.count == 300_000)
    }
}
