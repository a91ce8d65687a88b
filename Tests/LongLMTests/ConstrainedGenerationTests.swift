import LongLM
import TestSupport
import Testing
import Tokenization

/// Generations under a constraint, with a tiny random model.
@Suite struct ConstrainedGenerationTests {
    private let model: LanguageModel
    private let tokenizer: Tokenizer

    init() throws {
        model = try loadModel()
        tokenizer = try TinyTokenizer.make()
    }

    private func generation(
        _ constraint: Constraint, tokenLimit: Int = 60, endTokens: [Int] = [TinyTokenizer.end],
        startsText: Bool = false,
        _ change: (inout GenerationOptions) throws -> Void = { _ in }
    ) throws -> Generation {
        var options = GenerationOptions(tokenLimit: tokenLimit, endTokens: endTokens, startsText: startsText)
        options.constraint = constraint
        try change(&options)
        return try Generation(
            session: try Session(model: model), prompt: [1, 2, 3], tokenizer: tokenizer, options: options)
    }

    @Test func choice() throws {
        let texts = ["abc", "the", "é"]
        let generation = try generation(.choice(texts))
        let tokens = try generation.rest()
        #expect(texts.contains(generation.text) && generation.stopReason == .constraint)
        #expect(tokens.map(\.text).joined() == generation.text)
        // No pass is spent on a token that nothing follows.
        #expect(generation.statistics.decodeStepCount == generation.statistics.generatedTokenCount - 1)
    }

    /// Every sampler and seed gives a text of the constraint or the beginning of one.
    @Test(arguments: 0..<20) func sampled(seed: UInt64) throws {
        let constraint = try Constraint.regularExpression("(ab|c|the ){3,9}[0-9]{2}(€|é)?")
        let generation = try generation(constraint) { options in
            options.sampler = try ProbabilitySampler(temperature: 2, seed: seed)
            options.processors = [try RepetitionPenalty(1.5)]
        }
        _ = try generation.rest()
        #expect(constraint.accepts(generation.text), "\(generation.text)")
        #expect([.constraint, .endToken(TinyTokenizer.end)].contains(generation.stopReason))
    }

    /// A limit of steps ends the text with an error, unless it is enough.
    @Test func stepLimit() throws {
        var constraint = try Constraint.regularExpression("(a.{0,9}|.{0,9}b|[a-z ]{0,30}c){2,9}")
        constraint.stepLimit = 10
        let limited = try generation(constraint)
        let error = thrownError { () throws(GenerationError) in _ = try limited.next() }
        #expect(error == .constraint(.tooAmbiguous(limit: 10)))
        constraint.stepLimit = 10_000_000
        #expect(try !generation(constraint).rest().isEmpty)
    }

    /// The end may be chosen only where the text may end.
    @Test func endTokens() throws {
        let generation = try generation(.regularExpression("a{3}c*")) { options in
            options.sampler = ScriptedSampler(tokens: [TinyTokenizer.end])
        }
        _ = try generation.rest()
        #expect(generation.text == "aaa" && generation.stopReason == .endToken(TinyTokenizer.end))
    }

    /// Without end tokens, a text goes on as long as it may.
    @Test func withoutEnd() throws {
        let generation = try generation(.regularExpression("a*"), tokenLimit: 7, endTokens: [])
        _ = try generation.rest()
        #expect(generation.text == "aaaaaaa" && generation.stopReason == .tokenLimit)
    }

    @Test func emptyText() throws {
        let generation = try generation(.choice([""]))
        #expect(try generation.rest().isEmpty && generation.text.isEmpty && generation.stopReason == .constraint)
    }

    /// What a bias, a sampler or a processor wants never breaks the constraint.
    @Test func stubbornSamplers() throws {
        let first = try generation(.choice(["ab"])) { $0.sampler = ScriptedSampler(tokens: [25]) }
        _ = try first.rest()
        #expect(first.text == "ab")
        let second = try generation(.choice(["c"])) { options in
            options.processors = [try LogitBias([2: -.infinity, 5: 1_000])]
        }
        _ = try second.rest()
        #expect(second.text == "c")
    }

    /// Several generations with one constraint, one after another and at once, are those of fresh constraints.
    @Test func sharedTables() throws {
        let pattern = "([a-f]{2} ){2,4}"
        let shared = try Constraint.regularExpression(pattern)
        func text(_ constraint: Constraint, _ seed: UInt64) throws -> Generation {
            try generation(constraint) { $0.sampler = try ProbabilitySampler(temperature: 3, seed: seed) }
        }
        let open = try (0..<6).map { try text(shared, $0) }
        // In turns.
        var isOpen = true
        while isOpen { isOpen = try open.map { try $0.next() != nil }.contains(true) }
        for seed in 0..<6 {
            let fresh = try text(.regularExpression(pattern), UInt64(seed))
            let later = try text(shared, UInt64(seed))
            _ = try fresh.rest()
            _ = try later.rest()
            #expect(fresh.text == open[seed].text && fresh.text == later.text)
        }
    }

    @Test func errors() throws {
        var options = GenerationOptions()
        options.constraint = try .choice(["a"])
        let session = try Session(model: model)
        #expect(throws: GenerationError.self) {
            try Generation(session: session, prompt: [1], tokenizer: nil, options: options)
        }
        // The tiny vocabulary has no capital Z.
        options.constraint = try .choice(["Z"])
        #expect(throws: GenerationError.constraint(.unspellable(byte: 0x5A))) {
            try Generation(session: session, prompt: [1], tokenizer: tokenizer, options: options)
        }
        // A token that ends the text can't be a part of it.
        options.endTokens = [0]
        options.constraint = try .choice(["a"])
        #expect(throws: GenerationError.constraint(.unspellable(byte: 0x61))) {
            try Generation(session: session, prompt: [1], tokenizer: tokenizer, options: options)
        }
    }
}
