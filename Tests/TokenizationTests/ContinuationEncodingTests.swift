import TestSupport
import Testing
import Tokenization

/// Encoding a text and its continuation as one.
@Suite struct ContinuationEncodingTests {
    /// Together they are the whole, and what belongs to the text is how the text alone begins.
    @Test(arguments: Goldens.names)
    func partsAreTheWhole(name: String) throws {
        let tokenizer = try Goldens.tokenizer(name)
        var generator = SeededGenerator(seed: 23)
        for text in try Goldens.texts.get().written {
            let scalars = Array(text.unicodeScalars)
            let cut = Int.random(in: 0...scalars.count, using: &generator)
            func string(_ part: ArraySlice<Unicode.Scalar>) -> String { String(String.UnicodeScalarView(part)) }
            let (before, after) = (string(scalars[..<cut]), string(scalars[cut...]))
            let parts = tokenizer.encode(before, continuation: after)
            // What the post-processor puts after a text follows neither.
            let endCount = tokenizer.encode("").count - tokenizer.encode("", continuation: "").text.count
            #expect(parts.text + parts.continuation == tokenizer.encode(text).dropLast(endCount))
            let alone = tokenizer.encode(before).dropLast(endCount)
            #expect(alone.starts(with: parts.text))
            // The next token isn't the text's.
            #expect(alone.count == parts.text.count || parts.continuation.first != alone[parts.text.count])
        }
    }

    /// A token that the two share counts to the continuation, and so does a space before a word.
    @Test func sharedTokens() throws {
        let tokenizer = try Goldens.tokenizer("smollm2")
        // " is" is one token of this vocabulary.
        let plain = tokenizer.encode("France", continuation: " is")
        #expect(plain.text == tokenizer.encode("France"))
        #expect(plain.continuation == tokenizer.encode(" is") && plain.continuation.count == 1)
        #expect(tokenizer.encode("France ", continuation: "is") == plain)
        #expect(tokenizer.encode("France i", continuation: "s") == plain)
        let whole = tokenizer.encode("", continuation: "France is")
        #expect(whole.text.isEmpty && whole.continuation == tokenizer.encode("France is"))
        #expect(tokenizer.encode("a", continuation: "").continuation.isEmpty)
    }

    /// A token that ends texts has no place between a text and its continuation, nor before them.
    @Test func tokensAtTheEnd() throws {
        let json = #"""
            {"added_tokens":[{"id":3,"content":"<s>","special":true,"single_word":false,"lstrip":false,"rstrip":false,
            "normalized":false},{"id":4,"content":"</s>","special":true,"single_word":false,"lstrip":false,"rstrip":false,
            "normalized":false}],"normalizer":null,"pre_tokenizer":null,"decoder":null,
            "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},
            {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],"pair":[],
            "special_tokens":{"<s>":{"id":"<s>","ids":[3],"tokens":["<s>"]},"</s>":{"id":"</s>","ids":[4],"tokens":["</s>"]}}},
            "model":{"type":"BPE","vocab":{"a":0,"b":1,"c":2},"merges":[]}}
            """#
        let tokenizer = try Tokenizer(json: Array(json.utf8), name: "t.json")
        #expect(tokenizer.encode("ab") == [3, 0, 1, 4])
        let parts = tokenizer.encode("ab", continuation: "c")
        #expect(parts.text == [3, 0, 1] && parts.continuation == [2])
    }
}
