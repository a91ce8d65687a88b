import LongLM
import ModelTwins
import Testing
import TestSupport

@Suite struct LogitProcessorTests {
    private func processed(_ processor: any LogitProcessor, _ logits: [Float], after tokens: [Int]) -> [Float] {
        var (processor, logits) = (processor, logits)
        processor.process(&logits, after: tokens)
        return logits
    }

    /// Positive logits are divided, others multiplied, each once, however often its token occurred.
    @Test func repetitionPenalty() throws {
        let logits: [Float] = [3, -3, 0, 5, -0.5, 7]
        let penalty = try RepetitionPenalty(2)
        #expect(penalty.penalty == 2 && penalty.window == 64)
        #expect(processed(penalty, logits, after: [0, 1, 2, 4, 4, 0]) == [1.5, -6, 0, 5, -1, 7])
        #expect(processed(penalty, logits, after: []) == logits)
        #expect(processed(try RepetitionPenalty(1), logits, after: [0, 1, 2, 3, 4, 5]) == logits)
        #expect(processed(try RepetitionPenalty(0.5), logits, after: [0, 1]) == [6, -1.5, 0, 5, -0.5, 7])
        // Sessions don't hold tokens beyond the vocabulary, but anyone can call this.
        #expect(processed(penalty, logits, after: [6, -1, Int.max, Int.min, 5]) == [3, -3, 0, 5, -0.5, 3.5])
        #expect(processed(penalty, [.infinity, -.infinity], after: [0, 1]) == [.infinity, -.infinity])
    }

    /// Only the last tokens count.
    @Test func window() throws {
        let logits: [Float] = [2, 2, 2, 2]
        #expect(processed(try RepetitionPenalty(2, window: 1), logits, after: [0, 1, 2]) == [2, 2, 1, 2])
        #expect(processed(try RepetitionPenalty(2, window: 2), logits, after: [0, 1, 2]) == [2, 1, 1, 2])
        #expect(processed(try RepetitionPenalty(2, window: Int.max), logits, after: [0, 1, 2]) == [1, 1, 1, 2])
        let long = [3] + [Int](repeating: 0, count: 63)
        #expect(processed(try RepetitionPenalty(2), logits, after: long) == [1, 2, 2, 1])
        #expect(processed(try RepetitionPenalty(2), logits, after: long + [0]) == [1, 2, 2, 2])
    }

    @Test(
        arguments: [
            (0, "0.0"), (-0.0, "-0.0"), (-1, "-1.0"), (.nan, "nan"), (.infinity, "inf"), (-.infinity, "-inf"),
        ] as [(Float, String)])
    func penaltiesOutOfRange(penalty: Float, name: String) {
        #expect(throws: InvalidOption("repetition penalty", name, allowed: "finite and more than 0")) {
            try RepetitionPenalty(penalty)
        }
    }

    @Test(arguments: [0, -1, Int.min])
    func windowsOutOfRange(window: Int) {
        let refusal = InvalidOption("window of the repetition penalty", window, allowed: "at least 1")
        #expect(throws: refusal) { try RepetitionPenalty(1.1, window: window) }
    }

    @Test func logitBias() throws {
        let logits: [Float] = [3, -3, 0.5]
        #expect(processed(try LogitBias([0: 1.5, 2: -1]), logits, after: [0]) == [4.5, -3, -0.5])
        #expect(processed(try LogitBias([1: -.infinity]), logits, after: []) == [3, -.infinity, 0.5])
        #expect(processed(try LogitBias([3: 1, -1: 1, Int.max: 1, Int.min: 1]), logits, after: []) == logits)
        #expect(processed(try LogitBias([:]), logits, after: [1]) == logits)
        #expect(try LogitBias([7: 2]).biases == [7: 2])
    }

    @Test func biasesOutOfRange() {
        let refusal = { (value: String) in
            InvalidOption("bias of token 4", value, allowed: "finite, or negative infinity")
        }
        #expect(throws: refusal("nan")) { try LogitBias([3: 1, 4: .nan]) }
        #expect(throws: refusal("inf")) { try LogitBias([4: .infinity, 5: .nan]) }
    }

    // MARK: - In a generation

    /// Writes down what it is called with, and adds one to token 5.
    private struct Recorder: LogitProcessor {
        final class Record: @unchecked Sendable {
            // `@unchecked`: a test reads and writes it in one task.
            var tokens: [[Int]] = []
            var logits: [[Float]] = []
        }

        let record: Record
        var callCount = 0

        mutating func process(_ logits: inout [Float], after tokens: [Int]) {
            callCount += 1
            record.tokens.append(tokens)
            record.logits.append(logits)
            logits[5] = Float(callCount)
        }
    }

    /// Takes the logits that it is given.
    private struct Witness: Sampler {
        final class Record: @unchecked Sendable { var logits: [[Float]] = [] }

        let record: Record

        mutating func sample(_ logits: [Float]) -> Int {
            record.logits.append(logits)
            return GreedySampler.indexOfGreatest(in: logits)
        }
    }

    /// Processors see the session's logits and all tokens, one after the other, and only the sampler sees what they did.
    @Test func orderAndArguments() throws {
        let model = try loadModel()
        let session = try Session(model: model)
        let record = Recorder.Record()
        let witness = Witness.Record()
        let processors: [any LogitProcessor] = [
            try LogitBias([1: 1_000, 5: 1]), Recorder(record: record), try RepetitionPenalty(4),
        ]
        let options = GenerationOptions(
            tokenLimit: 2, sampler: Witness(record: witness), processors: processors)
        let generation = try Generation(session: session, prompt: [5, 9], options: options)
        let expected = try Session(model: model)
        try expected.prefill([5, 9])
        #expect(try generation.next()?.id == 1)
        #expect(bits(session.logits) == bits(expected.logits), "the session's logits are left alone")
        #expect(try generation.next()?.id == 1)
        #expect(record.tokens == [[5, 9], [5, 9, 1]])

        var biased = expected.logits
        biased[1] += 1_000
        biased[5] += 1
        #expect(bits(record.logits[0]) == bits(biased))
        biased[5] = 1
        for token in [5, 9] { biased[token] = biased[token] > 0 ? biased[token] / 4 : biased[token] * 4 }
        #expect(bits(witness.logits[0]) == bits(biased))
        // The second call is of the same copy of the processor.
        #expect(witness.logits[1][5] == 0.5)

        // Another generation with the same options begins with a copy of its own.
        let again = try Generation(session: try Session(model: model), prompt: [5, 9], options: options)
        _ = try again.next()
        #expect(bits(witness.logits[2]) == bits(biased))
    }

    /// A forbidden token never comes, a favored one always does, and a great penalty leaves no repetition.
    @Test func effects() throws {
        let model = try loadModel()
        func tokens(_ processors: [any LogitProcessor]) throws -> [Int] {
            let options = GenerationOptions(tokenLimit: 30, processors: processors)
            return try Generation(session: try Session(model: model), prompt: [3, 41], options: options).rest()
                .compactMap(\.id)
        }
        let free = try tokens([])
        #expect(Set(free).count < 30)
        #expect(!(try tokens([LogitBias([free[0]: -.infinity])]).contains(free[0])))
        #expect(try tokens([LogitBias([17: 1_000])]) == [Int](repeating: 17, count: 30))
        let positive = try LogitBias(Dictionary(uniqueKeysWithValues: (0..<67).map { ($0, 1_000) }))
        let varied = try tokens([positive, RepetitionPenalty(1_000)])
        #expect(Set(varied + [3, 41]).count == 32)
    }
}
