import LongLM
import TestSupport
import Testing
import Tokenization

/// What a generation returns as text: whole characters, up to a stop sequence.
@Suite struct StopSequenceTests {
    private let model: LanguageModel
    private let tokenizer: Tokenizer

    init() throws {
        model = try loadModel()
        tokenizer = try TinyTokenizer.make()
    }

    /// A generation that produces these tokens, and then an end token.
    private func generation(
        _ tokens: [Int], stops: [String], tokenLimit: Int = 100, capacity: Int = 100
    ) throws -> Generation {
        let session = try Session(model: model, options: SessionOptions(threadCount: 1, capacity: capacity))
        return try Generation(
            session: session, prompt: [3], tokenizer: tokenizer,
            options: GenerationOptions(
                tokenLimit: tokenLimit, sampler: ScriptedSampler(tokens: tokens + [TinyTokenizer.end]),
                endTokens: [TinyTokenizer.end], stopSequences: stops))
    }

    private func generation(_ text: String, stops: [String], tokenLimit: Int = 100) throws -> Generation {
        try generation(tokenizer.encode(text), stops: stops, tokenLimit: tokenLimit)
    }

    private func texts(_ generation: Generation) throws -> [String] {
        let texts = try generation.rest().map(\.text)
        #expect(generation.text == texts.joined())
        return texts
    }

    /// Tokens `th e Ġ c ab Ġ d`: each text comes as soon as it can't begin a stop sequence.
    @Test func textIsHeldBackNoLongerThanNeeded() throws {
        #expect(try texts(generation("the cab d", stops: [])) == ["th", "e", " ", "c", "ab", " ", "d"])
        #expect(try texts(generation("the cab d", stops: ["x"])) == ["th", "e", " ", "c", "ab", " ", "d"])
        #expect(try texts(generation("the cab d", stops: ["cat"])) == ["th", "e", " ", "", "cab", " ", "d"])
        #expect(try texts(generation("the cab d", stops: ["e cb", "hex"])) == ["t", "", "h", "", "e cab", " ", "d"])
    }

    /// Within a token, at its beginning and end, over several tokens, at the very beginning of the text.
    @Test(arguments: [
        ("the cab d", ["ca"], "the ", "ca"), ("the cab d", ["ab"], "the c", "ab"), ("the cab d", ["b"], "the ca", "b"),
        ("the cab d", ["e cab"], "th", "e cab"), ("the cab d", ["th"], "", "th"), ("the cab d", ["t"], "", "t"),
        ("the cab d", ["the cab d"], "", "the cab d"), ("the cab d", [" d"], "the cab", " d"),
        // The earliest one ends the text, whatever their order.
        ("the cab d", ["d", "cab", "e"], "th", "e"), ("the cab d", ["b d", "ca"], "the ", "ca"),
        // One within another, and one that begins as another does.
        ("xabcy", ["abc", "b"], "x", "abc"), ("xabcy", ["abd", "bc"], "xa", "bc"), ("aab", ["ab"], "a", "ab"),
        ("ababac", ["abac"], "ab", "abac"), ("aaab", ["aab"], "a", "aab"),
        ("one\n\ntwo", ["\n\n"], "one", "\n\n"), ("aéa€b", ["é"], "a", "é"), ("aéa€b", ["€"], "aéa", "€"),
        ("aéa€b", ["a€"], "aé", "a€"), ("ab", ["", "b"], "a", "b"),
    ])
    func found(text: String, stops: [String], expected: String, stop: String) throws {
        let generation = try generation(text, stops: stops)
        #expect(try texts(generation).joined() == expected)
        #expect(generation.stopReason == .stopSequence(stop))
        #expect(try generation.next() == nil)
    }

    /// The token that completes a sequence is the last, and isn't processed.
    @Test func lastToken() throws {
        let generation = try generation("the cab d", stops: ["a"])
        let tokens = try generation.rest()
        #expect(tokens.map(\.id) == tokenizer.encode("the cab") && tokens.map(\.text) == ["th", "e", " ", "c", ""])
        #expect(generation.session.tokens == [3] + tokenizer.encode("the c"))
        #expect(generation.statistics.generatedTokenCount == 5 && generation.statistics.decodeStepCount == 4)
    }

    /// What was held back comes with the end, in an element without a token.
    @Test func heldBackUntilTheEnd() throws {
        let ended = try generation("the ca", stops: ["cab"])
        let tokens = try ended.rest()
        #expect(tokens.last == GeneratedToken(id: nil, text: "ca") && tokens.count == 6)
        #expect(tokens.dropLast().map(\.text) == ["th", "e", " ", "", ""])
        #expect(ended.text == "the ca" && ended.stopReason == .endToken(TinyTokenizer.end))
        #expect(ended.statistics.generatedTokenCount == 5)

        let cut = try generation("the cab", stops: ["cat"], tokenLimit: 4)
        #expect(try texts(cut) == ["th", "e", " ", "", "c"] && cut.stopReason == .tokenLimit)

        let full = try generation(tokenizer.encode("the cab"), stops: ["cat"], capacity: 4)
        #expect(try texts(full) == ["th", "e", " ", "", "c"] && full.stopReason == .capacity)
    }

    /// A longer sequence that didn't come to its end gives way to a shorter one within it.
    @Test func shorterSequenceAtTheEnd() throws {
        let generation = try generation("xabc", stops: ["xabcd", "bc"])
        #expect(try texts(generation).joined() == "xa" && generation.stopReason == .stopSequence("bc"))
        let cut = try self.generation("xabc", stops: ["xabcd", "bc"], tokenLimit: 3)
        #expect(try texts(cut).joined() == "xa" && cut.stopReason == .stopSequence("bc"))
    }

    /// A character of several tokens waits for its last, and one that never comes is U+FFFD.
    @Test func characters() throws {
        let euro = tokenizer.encode("€")
        #expect(euro.count == 3)
        #expect(try texts(generation(euro + [0], stops: [])) == ["", "", "€", "a"])
        #expect(try texts(generation(Array(euro[..<2]), stops: [])) == ["", "", "\u{FFFD}"])
        #expect(try texts(generation(Array(euro[..<2]), stops: ["\u{FFFD}"])) == ["", ""])
        // A part of a character isn't a part of a sequence.
        let accent = tokenizer.encode("é")
        let generation = try generation([accent[0], accent[0], accent[1]], stops: ["é"])
        #expect(try texts(generation).joined() == "\u{FFFD}" && generation.stopReason == .stopSequence("é"))
    }

    /// The same text in other scalars is another text.
    @Test func scalarsAreCompared() throws {
        let generation = try generation("aéb", stops: ["e\u{301}"])
        #expect(try texts(generation).joined() == "aéb" && generation.stopReason == .endToken(TinyTokenizer.end))
    }

    /// Control tokens have no text.
    @Test func controlTokens() throws {
        let generation = try generation([0, TinyTokenizer.start, 1], stops: ["ab"])
        #expect(try generation.rest().map(\.id) == [0, TinyTokenizer.start, 1])
        #expect(generation.stopReason == .stopSequence("ab") && generation.text.isEmpty)
    }

    /// Random texts of few letters against the definition: the text ends before the earliest sequence.
    @Test func randomTexts() throws {
        var generator = SeededGenerator(seed: 91)
        let letters = ["a", "b", "c", "ab", "bc", "é"]
        var reasons: Set<Bool> = []
        for _ in 0..<400 {
            func word(_ range: ClosedRange<Int>) -> String {
                (0..<Int.random(in: range, using: &generator)).map { _ in letters.randomElement(using: &generator) ?? ""
                }
                .joined()
            }
            let text = word(0...14)
            let stops = (0..<Int.random(in: 0...3, using: &generator)).map { _ in word(1...4) }
            let generation = try generation(text, stops: stops)
            let found = try texts(generation).joined()
            let earliest = text.indices.first { start in stops.contains { text[start...].hasPrefix($0) } }
            #expect(found == text[..<(earliest ?? text.endIndex)], "\(text), \(stops)")
            if case .stopSequence(let stop) = generation.stopReason {
                #expect(earliest.map { text[$0...].hasPrefix(stop) } == true && stops.contains(stop))
            } else {
                #expect(earliest == nil && generation.stopReason == .endToken(TinyTokenizer.end))
            }
            reasons.insert(earliest == nil)
        }
        #expect(reasons.count == 2)
    }

    @Test func withoutATokenizer() throws {
        let session = try Session(model: model)
        let option = InvalidOption("list of stop sequences", ["a"], allowed: "empty without a tokenizer")
        #expect(throws: GenerationError.invalidOption(option)) {
            try Generation(session: session, prompt: [1], options: GenerationOptions(stopSequences: ["a"]))
        }
        #expect(session.position == 0)
    }
}
