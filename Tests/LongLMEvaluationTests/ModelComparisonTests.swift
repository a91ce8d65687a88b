import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

@Suite("Comparison with a reference")
struct ModelComparisonTests {
    private let tiny: PasskeyModel

    init() throws { tiny = try PasskeyModel() }

    private func compare(
        _ model: LanguageModel, _ reference: LanguageModel, _ text: String, _ options: Perplexity.Options,
        _ sessionOptions: SessionOptions = SessionOptions(), referenceOptions: SessionOptions? = nil
    ) throws -> [ComparisonRow] {
        try ModelComparison(
            of: text, textName: "text", options, model: model, reference: reference, tokenizer: tiny.tokenizer,
            sessionOptions: sessionOptions, referenceOptions: referenceOptions
        ).run()
    }

    private func rounded(_ format: WeightFormat) throws -> LanguageModel {
        try LanguageModel(path: PasskeyModel.directory, options: LoadOptions(weightFormat: format))
    }

    @Test("A model doesn't differ from itself")
    func identity() throws {
        let text = tiny.sentences(letterCount: 1_300)
        let settings: [AttentionSetting] = [.plain, .automatic]
        let options = Perplexity.Options(windowLength: 600, bucketLength: 256, settings: settings)
        let again = try LanguageModel(path: PasskeyModel.directory)
        let rows = try compare(tiny.model, again, text, options)
        let perplexities = try Perplexity(
            of: text, textName: "text", options, model: tiny.model, tokenizer: tiny.tokenizer
        ).run()
        #expect(rows.map(\.setting) == ["plain", "auto"] && rows.map(\.mode) == ["plain", "selfExtend"])
        for (row, expected) in zip(rows, perplexities) {
            #expect(row.divergence == 0 && row.changedTopShare == 0)
            #expect(row.perplexity == row.referencePerplexity)
            #expect(row.windowCount == 2 && row.tokenCount == expected.tokenCount)
            // Sums of the same numbers in another order.
            #expect(abs(row.perplexity - expected.perplexity) <= 1e-12 * expected.perplexity)
            #expect(row.groupSize == expected.groupSize && row.neighborWindow == expected.neighborWindow)
            for (bucket, expected) in zip(row.buckets, expected.buckets) {
                #expect(bucket.divergence == 0 && bucket.changedTopCount == 0 && bucket.count == expected.count)
                #expect(bucket.first == expected.first && bucket.last == expected.last)
                #expect(abs(bucket.loss - expected.loss) <= 1e-12 && bucket.loss == bucket.referenceLoss)
            }
        }
    }

    @Test("Numbers are those of the definition", arguments: [WeightFormat.q80, .q40])
    func definition(_ format: WeightFormat) throws {
        let model = try rounded(format)
        let length = 400
        let text = tiny.sentences(letterCount: 2 * length + 30)
        let settings: [AttentionSetting] = [.plain, .selfExtend(groupSize: 4, neighborWindow: 64)]
        let options = Perplexity.Options(windowLength: length, bucketLength: 150, settings: settings)
        let rows = try compare(model, tiny.model, text, options)
        let tokens = tiny.tokenizer.encode(text)
        let size = model.configuration.vocabularySize
        for (row, setting) in zip(rows, settings) {
            let mode = try setting.mode(length: length, of: model.configuration)
            var (divergences, changes) = ([[], [], []] as [[Double]], [0, 0, 0])
            var (losses, referenceLosses) = ([] as [Double], [] as [Double])
            for start in [0, length] {
                let window = Array(tokens[start..<(start + length)])
                let logits = try [model, tiny.model].map { model in
                    try Session(model: model, options: SessionOptions(attention: mode, capacity: length))
                        .prefillAllLogits(window)
                }
                for position in 1..<length {
                    let numbers = logits.map { $0[((position - 1) * size)..<(position * size)] }
                    let own = numbers[0].map(Double.init)
                    let other = numbers[1].map(Double.init)
                    let p = probabilities(other)
                    let q = probabilities(own)
                    let bucket = position / 150
                    divergences[bucket].append(zip(p, q).reduce(0) { $0 + $1.0 * log($1.0 / $1.1) })
                    changes[bucket] +=
                        own.firstIndex(of: own.max() ?? 0) == other.firstIndex(of: other.max() ?? 0) ? 0 : 1
                    losses.append(loss(of: window[position], logits: numbers[0]))
                    referenceLosses.append(loss(of: window[position], logits: numbers[1]))
                }
            }
            func mean(_ numbers: [Double]) -> Double { numbers.reduce(0, +) / Double(numbers.count) }
            #expect(row.tokenCount == 2 * (length - 1) && row.buckets.map(\.first) == [0, 150, 300])
            for (bucket, (divergences, changes)) in zip(row.buckets, zip(divergences, changes)) {
                #expect(bucket.count == divergences.count && bucket.changedTopCount == changes)
                #expect(abs(bucket.divergence - mean(divergences)) <= 1e-12)
                #expect(bucket.changedTopShare == Double(changes) / Double(divergences.count))
            }
            #expect(abs(row.divergence - mean(divergences.flatMap { $0 })) <= 1e-12)
            #expect(row.changedTopShare == Double(changes.reduce(0, +)) / Double(row.tokenCount))
            #expect(abs(log(row.perplexity) - mean(losses)) <= 1e-9)
            #expect(abs(log(row.referencePerplexity) - mean(referenceLosses)) <= 1e-9)
            #expect(row.divergence > 0)
        }
    }

    private func probabilities(_ logits: [Double]) -> [Double] {
        let powers = logits.map { exp($0 - (logits.max() ?? 0)) }
        return powers.map { $0 / powers.reduce(0, +) }
    }

    @Test("Fewer bits differ more")
    func order() throws {
        let text = tiny.sentences(letterCount: 512)
        let options = Perplexity.Options(windowLength: 256, settings: [.plain])
        let rows = try [WeightFormat.q80, .q40].map { try compare(rounded($0), tiny.model, text, options)[0] }
        #expect(rows[1].divergence > 4 * rows[0].divergence && rows[0].divergence > 0)
        #expect(rows[1].changedTopShare >= rows[0].changedTopShare && rows[1].changedTopShare > 0)
        // The reference is the same.
        #expect(rows[0].referencePerplexity == rows[1].referencePerplexity)
        // KL isn't symmetric.
        let reversed = try compare(tiny.model, rounded(.q40), text, options)[0]
        #expect(reversed.divergence != rows[1].divergence && reversed.perplexity == rows[1].referencePerplexity)
        #expect(reversed.changedTopShare == rows[1].changedTopShare)
    }

    @Test("One model with two caches")
    func sessionOptions() throws {
        let text = tiny.sentences(letterCount: 256)
        let options = Perplexity.Options(windowLength: 256, settings: [.plain])
        let narrow = SessionOptions(cacheFormat: .bfloat16)
        let row = try compare(tiny.model, tiny.model, text, options, narrow, referenceOptions: SessionOptions())[0]
        #expect(row.divergence > 0 && row.perplexity != row.referencePerplexity)
        let same = try compare(tiny.model, tiny.model, text, options, narrow)[0]
        #expect(same.divergence == 0 && same.perplexity == row.perplexity)
    }

    @Test func progressRisesToAll() throws {
        var fractions: [Double] = []
        var reported: [ComparisonRow] = []
        let comparison = try ModelComparison(
            of: tiny.words(letterCount: 1_200), textName: "text", Perplexity.Options(windowLength: 600),
            model: tiny.model, reference: tiny.model, tokenizer: tiny.tokenizer)
        let rows = try comparison.run(progress: { fractions.append($0) }, report: { reported.append($0) })
        #expect(rows.count == 2 && reported == rows)
        for (earlier, later) in zip(fractions, fractions.dropFirst()) { #expect(later > earlier - 1e-9) }
        #expect(abs(try #require(fractions.last) - 1) < 1e-9)
    }

    @Test func refusals() throws {
        let text = tiny.words(letterCount: 299)
        func expectRefusal(_ options: Perplexity.Options, _ reference: LanguageModel, _ error: EvaluationError) {
            #expect(throws: error) { _ = try compare(tiny.model, reference, text, options) }
        }
        let size = tiny.model.configuration.vocabularySize
        let other = try LanguageModel(path: Fixtures.path("reference/llama"))
        let vocabularies = EvaluationError.differentVocabularies(
            size, reference: other.configuration.vocabularySize)
        expectRefusal(Perplexity.Options(windowLength: 100), other, vocabularies)
        #expect(
            "\(vocabularies)"
                == "the model has a vocabulary of \(size) tokens and the reference one of 128; they must be the same")
        expectRefusal(
            Perplexity.Options(windowLength: 300), tiny.model,
            .file("text", reason: "has 299 tokens, which don't fill a window of 300"))
        expectRefusal(
            Perplexity.Options(windowLength: 1), tiny.model,
            .invalidSetting("a window of 1 tokens; it must have at least 2"))
        expectRefusal(
            Perplexity.Options(windowLength: 100, bucketLength: 0), tiny.model,
            .invalidSetting("a bucket of 0 positions; it must have at least 1"))
        expectRefusal(
            Perplexity.Options(windowLength: 100, settings: []), tiny.model,
            .invalidSetting("there is no setting or no window to measure"))
    }

    @Test("A comparison can be cancelled")
    func cancellation() async throws {
        let (model, tokenizer, text) = (tiny.model, tiny.tokenizer, tiny.words(letterCount: 600))
        let task = Task {
            let comparison = try ModelComparison(
                of: text, textName: "text", Perplexity.Options(windowLength: 600), model: model, reference: model,
                tokenizer: tokenizer)
            withUnsafeCurrentTask { $0?.cancel() }
            return try comparison.run()
        }
        await #expect(throws: EvaluationError.session(.cancelled(position: 0))) { try await task.value }
    }
}

@Suite("Differences of predictions")
struct PredictionDifferenceTests {
    private func difference(_ logits: [Float], _ reference: [Float], token: Int = 0) -> PredictionDifference {
        // Slices begin anywhere.
        PredictionDifference(
            logits: ([9] + logits)[1...], reference: ([9, 9] + reference)[2...], token: token)
    }

    @Test("Two tokens, computed by hand")
    func byHand() {
        // p = (3/4, 1/4), q = (1/2, 1/2).
        let found = difference([0, 0], [Float(log(3.0)), 0], token: 1)
        let expected = 0.75 * log(0.75 / 0.5) + 0.25 * log(0.25 / 0.5)
        // The logit of a float is off by up to 2⁻²⁴.
        #expect(abs(found.divergence - expected) < 1e-7)
        #expect(abs(found.loss - log(2)) < 1e-15 && abs(found.referenceLoss - log(4)) < 1e-7)
        // Of two equal tokens the first counts.
        #expect(!found.changesTop && difference([0, 1], [1, 0]).changesTop && difference([1, 1], [0, 1]).changesTop)
        // p = (1/2, 1/4, 1/4), q = (1/4, 1/2, 1/4).
        let halves = [Float(log(2.0)), 0, 0]
        let other = [0, Float(log(2.0)), 0]
        #expect(abs(difference(other, halves).divergence - log(2) / 4) < 1e-7)
    }

    @Test("Probabilities don't depend on a shift of all logits")
    func shifts() {
        let first: [Float] = [1, -2, 0.5, 3]
        let second: [Float] = [0, -1, 2.5, 2]
        let expected = difference(first, second, token: 2)
        let found = difference(first.map { $0 + 512 }, second.map { $0 - 1024 }, token: 2)
        #expect(abs(found.divergence - expected.divergence) < 1e-12 && found.divergence > 0.1)
        #expect(abs(found.loss - expected.loss) < 1e-12)
        #expect(abs(found.referenceLoss - expected.referenceLoss) < 1e-12)
        #expect(found.changesTop && expected.changesTop)
    }

    @Test("Logits far apart neither overflow nor give NaN")
    func extremes() {
        let found = difference([0, -10_000, -3e38], [0, 10_000, -3e38])
        #expect(found.divergence == 10_000 && found.loss == 0 && found.referenceLoss == 10_000)
        #expect(difference([0, -.infinity], [0, -.infinity]).divergence == 0)
        #expect(difference([0, -.infinity], [0, 0]).divergence == .infinity)
        #expect(difference([0, 0], [0, -.infinity]).divergence == log(2))
        #expect(difference([.nan, 0], [0, 0]).divergence.isNaN)
    }
}
