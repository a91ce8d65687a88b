import LongLM
import ModelTwins
import Testing
import TestSupport

/// Hidden states and what is made of them. Their values are compared in ReferenceTests.
@Suite struct EmbeddingTests {
    private let tokens: [Int]

    init() {
        var generator = SeededGenerator(seed: 92)
        tokens = generator.tokens(1_100, below: 67)
    }

    private func session(_ mode: AttentionMode = .plain, threads: Int = 2) throws -> Session {
        try Session(
            model: try loadModel(),
            options: SessionOptions(attention: mode, threadCount: threads, capacity: 1_200))
    }

    /// What the projection onto the vocabulary makes of them are the logits.
    @Test(arguments: [AttentionMode.plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 24))])
    func logitsFollowFromHiddenStates(mode: AttentionMode) throws {
        let tiny = TinyLlama()
        let states = try session(mode).hiddenStates(of: tokens)
        #expect(states.count == tokens.count * 48)
        let logits = try session(mode).prefillAllLogits(tokens)
        let head = try #require(tiny.tensors().first { $0.name == "lm_head.weight" }).values
        for row in stride(from: 0, to: tokens.count, by: 97) {
            for token in stride(from: 0, to: 67, by: 11) {
                var sum: Float = 0
                for column in 0..<48 { sum.addProduct(states[row * 48 + column], head[token * 48 + column]) }
                #expect(abs(sum - logits[row * 67 + token]) < 1e-4)
            }
        }
    }

    @Test(arguments: [1, 2, 3])
    func threadsAndDivisionsChangeNoBit(threads: Int) throws {
        let whole = bits(try session(threads: 1).hiddenStates(of: tokens))
        for chunk in [3, 64, 700] {
            let divided = try session(threads: threads)
            let count = chunk == 3 ? 60 : tokens.count
            var states: [Float] = []
            for start in stride(from: 0, to: count, by: chunk) {
                states += try divided.hiddenStates(of: Array(tokens[start..<min(start + chunk, count)]))
            }
            let expected = try session(threads: 1).hiddenStates(of: Array(tokens[..<count]))
            #expect(bits(states) == bits(expected))
            #expect(chunk == 3 || bits(states) == whole)
        }
        for pooling in EmbeddingPooling.allCases {
            let embeddings = try [1, threads].map { try session(threads: $0).embedding(of: tokens, pooling: pooling) }
            #expect(bits(embeddings[0]) == bits(embeddings[1]))
        }
    }

    @Test func pooling() throws {
        let states = try session().hiddenStates(of: tokens)
        let last = try session().embedding(of: tokens, pooling: .last)
        #expect(bits(last) == bits(Array(states.suffix(48))))
        let mean = try session().embedding(of: tokens)
        for column in 0..<48 {
            let sum = stride(from: column, to: states.count, by: 48).reduce(0.0) { $0 + Double(states[$1]) }
            #expect(mean[column] == Float(sum / Double(tokens.count)))
        }
        for pooling in EmbeddingPooling.allCases {
            let raw = try session().embedding(of: tokens, pooling: pooling).map(Double.init)
            let normalized = try session().embedding(of: tokens, pooling: pooling, isNormalized: true).map(Double.init)
            #expect(abs(normalized.reduce(0) { $0 + $1 * $1 } - 1) < 1e-6)
            let length = raw.reduce(0) { $0 + $1 * $1 }.squareRoot()
            #expect(zip(raw, normalized).allSatisfy { abs($0 / length - $1) < 1e-6 })
        }
    }

    /// The session goes on after them, but without logits.
    @Test func sessionHoldsTheTokens() throws {
        let session = try session()
        try session.prefill(Array(tokens[..<10]))
        _ = try session.embedding(of: Array(tokens[10..<40]))
        #expect(session.tokens == Array(tokens[..<40]) && session.logits.isEmpty)
        try session.prefill([tokens[40]])
        let other = try self.session()
        try other.prefill(Array(tokens[...40]))
        #expect(bits(session.logits) == bits(other.logits))
        // Another text.
        try session.truncate(to: 0)
        let again = try session.embedding(of: Array(tokens[..<10]))
        #expect(bits(again) == bits(try self.session().embedding(of: Array(tokens[..<10]))))
    }

    @Test func progressAndErrors() throws {
        let session = try session()
        var reported: [Int] = []
        _ = try session.embedding(of: tokens) { reported.append($0) }
        #expect(reported == [512, 1_024, 1_100])
        #expect(thrownError { () throws(SessionError) in _ = try session.hiddenStates(of: []) } == .noTokens)
        #expect(
            thrownError { () throws(SessionError) in _ = try session.embedding(of: [67]) }
                == .tokenOutOfRange(id: 67, vocabularySize: 67))
    }

    @Test func memoryIsReserved() throws {
        let used = try loadModel()
        let session = try Session(model: used, options: SessionOptions(threadCount: 1, capacity: 1_200))
        let need = used.reservedByteCount
        let tight = try loadModel(memoryLimit: need + 512 * 48 * 4)
        let other = try Session(model: tight, options: SessionOptions(threadCount: 1, capacity: 1_200))
        #expect(try other.embedding(of: tokens).count == 48)
        try other.truncate(to: 0)
        let error = thrownError { () throws(SessionError) in _ = try other.hiddenStates(of: tokens) }
        guard case .memory(let shortage)? = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(shortage.purpose == .hiddenStates(tokenCount: 1_100))
        #expect(shortage.description.hasPrefix("the hidden states of 1,100 tokens need "))
        #expect(session.position == 0 && other.position == 0)
    }

    @Test func cancellationKeepsCompletePasses() async throws {
        let session = Transferred(value: try session())
        try session.value.prefill([1])
        let tokens = tokens
        let errors = await Task { () -> [SessionError?] in
            let late = thrownError { () throws(SessionError) in
                _ = try session.value.hiddenStates(of: tokens) { _ in withUnsafeCurrentTask { $0?.cancel() } }
            }
            let early = thrownError { () throws(SessionError) in _ = try session.value.hiddenStates(of: [2]) }
            return [late, early]
        }.value
        #expect(errors == [.cancelled(position: 513), .cancelled(position: 513)])
        #expect(session.value.tokens == [1] + tokens[..<512] && session.value.logits.isEmpty)
    }
}
