import Foundation
import LongLM
import LongLMEvaluation
import Testing

@Suite("Perplexity")
struct PerplexityTests {
    private let tiny: PasskeyModel

    init() throws { tiny = try PasskeyModel() }

    private func measure(_ text: String, _ options: Perplexity.Options) throws -> [PerplexityRow] {
        try Perplexity(of: text, textName: "text", options, model: tiny.model, tokenizer: tiny.tokenizer).run()
    }

    @Test("Losses are those of the logits, in each bucket and in all")
    func losses() throws {
        let length = 600
        let text = tiny.sentences(letterCount: 2 * length + 50)
        let settings: [AttentionSetting] = [.plain, .automatic, .selfExtend(groupSize: 8, neighborWindow: 64)]
        let rows = try measure(
            text, Perplexity.Options(windowLength: length, bucketLength: 256, settings: settings))
        #expect(rows.map(\.setting) == ["plain", "auto", "8:64"])
        let tokens = tiny.tokenizer.encode(text)
        let vocabularySize = tiny.model.configuration.vocabularySize
        for (row, setting) in zip(rows, settings) {
            let mode = try setting.mode(length: length, of: tiny.model.configuration)
            var losses: [[Double]] = [[], [], []]
            for start in [0, length] {
                let window = Array(tokens[start..<(start + length)])
                let session = try Session(
                    model: tiny.model, options: SessionOptions(attention: mode, capacity: length))
                let logits = try session.prefillAllLogits(window)
                for position in 1..<length {
                    let row = logits[((position - 1) * vocabularySize)..<(position * vocabularySize)]
                    losses[position / 256].append(loss(of: window[position], logits: row))
                }
            }
            // Both are sums of doubles, in another order: some hundred roundings of 1e-16.
            let bound = 1e-9
            func mean(_ losses: [Double]) -> Double { losses.reduce(0, +) / Double(losses.count) }
            #expect(row.buckets.map(\.first) == [0, 256, 512] && row.buckets.map(\.last) == [255, 511, 599])
            for (bucket, losses) in zip(row.buckets, losses) {
                #expect(bucket.count == losses.count)
                #expect(abs(bucket.loss - mean(losses)) <= bound)
            }
            #expect(row.windowCount == 2 && row.tokenCount == 2 * (length - 1))
            #expect(abs(row.loss - mean(losses.flatMap { $0 })) <= bound)
        }
    }

    @Test func bucketsSumToTheWhole() throws {
        let text = tiny.words(letterCount: 1_000)
        let whole = try measure(
            text, Perplexity.Options(windowLength: 250, bucketLength: .max, settings: [.plain]))[0]
        #expect(whole.buckets.count == 1 && whole.buckets[0].last == 249 && whole.tokenCount == 4 * 249)
        for bucketLength in [1, 7, 125, 249, 250] {
            let row = try measure(
                text, Perplexity.Options(windowLength: 250, bucketLength: bucketLength, settings: [.plain]))[0]
            #expect(row.buckets.count == (249 + bucketLength) / bucketLength)
            #expect(row.buckets[0].count == 4 * (min(bucketLength, 250) - 1))
            #expect(row.buckets.reduce(0) { $0 + $1.count } == row.tokenCount && row.tokenCount == 4 * 249)
            let sum = row.buckets.reduce(0) { $0 + $1.loss * Double($1.count) }
            // Sums of the same numbers in another order.
            #expect(abs(sum / Double(row.tokenCount) - row.loss) <= 1e-12 * row.loss)
            #expect(abs(row.loss - whole.loss) <= 1e-12 * whole.loss)
            #expect(row.perplexity == exp(row.loss))
        }
    }

    @Test("A window sees nothing of the one before")
    func windowsAreApart() throws {
        let text = tiny.sentences(letterCount: 400)
        let options = Perplexity.Options(windowLength: 400, bucketLength: 100)
        let once = try measure(text, options)
        let twice = try measure(text + text, options)
        #expect(once.count == 2 && once.allSatisfy { $0.windowCount == 1 } && twice.allSatisfy { $0.windowCount == 2 })
        for (one, two) in zip(once, twice) {
            #expect(two.tokenCount == 2 * one.tokenCount)
            for (one, two) in zip(one.buckets, two.buckets) {
                #expect(one.loss > 0 && abs(two.loss - one.loss) <= 1e-12 * one.loss)
            }
        }
        // A limit leaves windows out, the last ones.
        var limited = options
        limited.windowLimit = 1
        let first = try measure(text + tiny.words(letterCount: 400, seed: 2), limited)
        #expect(first.map(\.buckets) == once.map(\.buckets))
    }

    @Test("Past its context the plain model predicts worse than with Self-Extend")
    func beyondTheContext() throws {
        let rows = try measure(
            tiny.words(letterCount: 2_048), Perplexity.Options(windowLength: 1_024, bucketLength: 256))
        #expect(rows.map(\.mode) == ["plain", "selfExtend"])
        let (plain, extended) = (rows[0].buckets, rows[1].buckets)
        #expect(plain.count == 4 && extended.count == 4)
        for index in 2..<4 { #expect(plain[index].loss > extended[index].loss) }
        #expect(plain[3].loss > plain[0].loss)
        #expect(rows[0].loss > rows[1].loss)
    }

    @Test("The chart names each setting, and marks the trained context where the text goes beyond it")
    func chart() throws {
        func svg(windowLength: Int) throws -> String {
            let rows = try measure(
                tiny.words(letterCount: windowLength),
                Perplexity.Options(
                    windowLength: windowLength, bucketLength: 64,
                    settings: [.plain, .selfExtend(groupSize: 8, neighborWindow: 64)]))
            return LossChart(rows: rows, modelName: "tiny", textName: "words", contextLength: 256).svg()
        }
        let long = try svg(windowLength: 320)
        for text in [
            "tiny: loss against position", "words, 1 window of 320 tokens", "as it was trained",
            "Self-Extend, G = 8, W = 64", "trained context",
        ] {
            #expect(long.contains(">\(text)<"), "\(text)")
        }
        #expect(!(try svg(windowLength: 256)).contains("trained context"))
    }

    @Test func progressRisesToAll() throws {
        var fractions: [Double] = []
        var reported: [PerplexityRow] = []
        let rows = try Perplexity(
            of: tiny.words(letterCount: 1_200), textName: "text", Perplexity.Options(windowLength: 600),
            model: tiny.model, tokenizer: tiny.tokenizer
        ).run(progress: { fractions.append($0) }, report: { reported.append($0) })
        #expect(rows.count == 2 && reported == rows)
        for (earlier, later) in zip(fractions, fractions.dropFirst()) { #expect(later > earlier - 1e-9) }
        #expect(abs(try #require(fractions.last) - 1) < 1e-9)
    }

    @Test func refusals() {
        let text = tiny.words(letterCount: 299)
        func expectRefusal(_ options: Perplexity.Options, _ error: EvaluationError) {
            #expect(throws: error) { _ = try measure(text, options) }
        }
        expectRefusal(
            Perplexity.Options(windowLength: 300),
            .file("text", reason: "has 299 tokens, which don't fill a window of 300"))
        for length in [1, 0, -5] {
            expectRefusal(
                Perplexity.Options(windowLength: length),
                .invalidSetting("a window of \(length) tokens; it must have at least 2"))
        }
        expectRefusal(
            Perplexity.Options(windowLength: 100, bucketLength: 0),
            .invalidSetting("a bucket of 0 positions; it must have at least 1"))
        let nothing = EvaluationError.invalidSetting("there is no setting or no window to measure")
        expectRefusal(Perplexity.Options(windowLength: 100, settings: []), nothing)
        for limit in [0, -1, Int.min] {
            expectRefusal(Perplexity.Options(windowLength: 100, windowLimit: limit), nothing)
        }
        expectRefusal(
            Perplexity.Options(windowLength: 299, settings: [.plain, .selfExtend(groupSize: 1, neighborWindow: 64)]),
            .invalidSetting("1:64 reaches to 256 tokens of a model trained for 256, not to 299"))
    }
}
