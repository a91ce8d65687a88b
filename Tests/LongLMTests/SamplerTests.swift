import Foundation
import LongLM
import TestSupport
import Testing

@Suite struct SamplerTests {
    /// The arguments of a sampler, for tests to be listed by.
    struct Settings: Sendable {
        var temperature: Float = 1
        var topK: Int?
        var topP: Float?
        var minP: Float?
        var seed: UInt64 = 0

        func sampler() throws(InvalidOption) -> ProbabilitySampler {
            try ProbabilitySampler(temperature: temperature, topK: topK, topP: topP, minP: minP, seed: seed)
        }
    }

    private func greedy(_ logits: [Float]) -> Int {
        var sampler = GreedySampler()
        return sampler.sample(logits)
    }

    @Test func greedyTakesTheFirstOfEquals() {
        #expect(greedy([1, 3, 2]) == 1 && greedy([3, 3, 3]) == 0 && greedy([-5, -2, -2]) == 1)
        #expect(greedy([-0.0, 0.0]) == 0 && greedy([0.0, -0.0]) == 0 && greedy([7]) == 0)
        #expect(greedy([-.infinity, -3, -.infinity]) == 1 && greedy([1, .infinity]) == 1)
        #expect(GreedySampler.indexOfGreatest(in: [1, 4, 4, 2]) == 1)
    }

    /// Each filter can leave the most probable token alone.
    @Test(arguments: [Settings(topK: 1, seed: 9), Settings(topP: 0.1, seed: 9), Settings(minP: 1, seed: 9)])
    func oneTokenIsLeft(settings: Settings) throws {
        var sampler = try settings.sampler()
        #expect((0..<20).allSatisfy { _ in sampler.sample([0, 2, 1]) == 1 })
    }

    /// What the filters keep, from their definitions: k most probable tokens; of those the fewest that together reach
    /// p; of those the ones at least minP as probable as the most probable.
    private func kept(_ weights: [Double], _ options: Settings) -> Set<Int> {
        var order = weights.indices.sorted { (weights[$0], $1) > (weights[$1], $0) }
        if let topK = options.topK { order = Array(order.prefix(topK)) }
        if let topP = options.topP {
            let total = order.map { weights[$0] }.reduce(0, +)
            let counts = 1...order.count
            let enough = counts.first { order[..<$0].map { weights[$0] }.reduce(0, +) >= Double(topP) * total }
            order = Array(order.prefix(enough ?? order.count))
        }
        let greatest = weights.max() ?? 0
        return Set(order.filter { weights[$0] >= Double(options.minP ?? 0) * greatest })
    }

    @Test func filtersKeepExactlyTheirTokens() throws {
        var generator = SeededGenerator(seed: 41)
        var sizes: Set<Int> = []
        for round in 0..<2_000 {
            let count = Int.random(in: 1...40, using: &generator)
            var weights = generator.floats(count, deviation: 2).map { exp(Double($0)) }
            // Every third vector has many equal weights.
            if round % 3 == 0 { weights = weights.map { ($0 * 2).rounded(.up) / 2 } }
            let greatest = weights.max() ?? 1
            weights = weights.map { $0 / greatest }
            let topP = Float.random(in: 0.01...0.99, using: &generator)
            let options = Settings(
                topK: round & 1 == 0 ? nil : Int.random(in: 1...50, using: &generator),
                topP: round & 2 == 0 ? nil : topP,
                minP: round & 4 == 0 ? nil : Float.random(in: 0...1, using: &generator))
            let found = try options.sampler().candidates(weights)
            let expected = kept(weights, options)
            #expect(Set(found) == expected && found.count == expected.count, "\(options), \(weights)")
            sizes.insert(found.count)
        }
        #expect(sizes.count > 20, "the filters keep few and many")
    }

    /// Where a filter's edge falls on a token exactly.
    @Test func edgesOfFilters() throws {
        func candidates(_ options: Settings, _ weights: [Double]) throws -> [Int] {
            try options.sampler().candidates(weights).sorted()
        }
        let equal = [1.0, 1, 1, 1]
        #expect(try candidates(Settings(topP: 0.5), equal) == [0, 1])
        #expect(try candidates(Settings(topP: 0.51), equal) == [0, 1, 2])
        #expect(try candidates(Settings(topP: 1), equal) == [0, 1, 2, 3])
        #expect(try candidates(Settings(topP: .leastNonzeroMagnitude), equal) == [0])
        #expect(try candidates(Settings(topK: 3), equal) == [0, 1, 2])
        #expect(try candidates(Settings(topK: Int.max), equal) == [0, 1, 2, 3])
        #expect(try candidates(Settings(minP: 0.5), [0.25, 0.5, 1, 0.75]) == [1, 2, 3])
        #expect(try candidates(Settings(minP: 1), [0.25, 1, 1, 0.75]) == [1, 2])
        #expect(try candidates(Settings(minP: 0), [0, 1]) == [0, 1])
        // Of the two that top-k leaves, the first alone has 2/3 of the probability.
        #expect(try candidates(Settings(topK: 2, topP: 0.6), [0.5, 0.25, 1, 0.5]) == [2])
        #expect(try candidates(Settings(topP: 0.6), [0.5, 0.25, 1, 0.5]) == [0, 2])
    }

    /// Tokens come as often as their probabilities say. A count of n draws with probability p has the standard
    /// deviation √(n·p·(1 − p)); five of them are exceeded by chance once in 1.7 million counts.
    @Test(arguments: [
        Settings(), Settings(temperature: 0.6), Settings(temperature: 2.5),
        Settings(topK: 3), Settings(topP: 0.8),
        Settings(minP: 0.2), Settings(temperature: 0.9, topK: 5, topP: 0.9, minP: 0.1),
    ])
    func frequencies(options: Settings) throws {
        let logits: [Float] = [0.3, -1.2, 2.0, 1.1, -0.4, 1.9, -6, 0.8]
        let weights = logits.map { exp(Double($0 - 2) / Double(options.temperature)) }
        let kept = kept(weights, options)
        let total = kept.reduce(0) { $0 + weights[$1] }
        let draws = 20_000
        var sampler = try options.sampler()
        var counts = [Int](repeating: 0, count: logits.count)
        for _ in 0..<draws { counts[sampler.sample(logits)] += 1 }
        for token in logits.indices {
            let probability = kept.contains(token) ? weights[token] / total : 0
            let expected = Double(draws) * probability
            let deviation = (expected * (1 - probability)).squareRoot()
            #expect(abs(Double(counts[token]) - expected) <= 5 * deviation, "token \(token)")
        }
    }

    @Test func seedsDecide() throws {
        let logits = [Float](repeating: 0, count: 50)
        func draws(seed: UInt64) throws -> [Int] {
            var sampler = try Settings(seed: seed).sampler()
            return (0..<40).map { _ in sampler.sample(logits) }
        }
        #expect(try draws(seed: 5) == draws(seed: 5) && draws(seed: 5) != draws(seed: 6))
        #expect(try draws(seed: .max) != draws(seed: 0))
        // A copy goes its own way from where it was made.
        var sampler = try Settings(seed: 5).sampler()
        _ = sampler.sample(logits)
        var copy = sampler
        #expect((0..<20).map { _ in sampler.sample(logits) } == (0..<20).map { _ in copy.sample(logits) })
    }

    @Test func smallTemperaturesApproachGreedy() throws {
        for temperature in [Float.leastNonzeroMagnitude, .leastNormalMagnitude, 1e-6] {
            var sampler = try Settings(temperature: temperature, seed: 3).sampler()
            #expect((0..<50).allSatisfy { _ in sampler.sample([1, 1.5, -2, 1.25]) == 1 })
        }
    }

    @Test(arguments: [
        (Settings(temperature: 0), "the temperature is 0.0; it must be finite and more than 0"),
        (Settings(temperature: -0.0), "the temperature is -0.0; it must be finite and more than 0"),
        (Settings(temperature: -0.5), "the temperature is -0.5; it must be finite and more than 0"),
        (Settings(temperature: .infinity), "the temperature is inf; it must be finite and more than 0"),
        (Settings(temperature: .nan), "the temperature is nan; it must be finite and more than 0"),
        (Settings(topK: 0), "the top-k is 0; it must be at least 1"),
        (Settings(topK: Int.min), "the top-k is \(Int.min); it must be at least 1"),
        (Settings(topP: 0), "the top-p is 0.0; it must be more than 0 and at most 1"),
        (Settings(topP: -0.1), "the top-p is -0.1; it must be more than 0 and at most 1"),
        (Settings(topP: 1.5), "the top-p is 1.5; it must be more than 0 and at most 1"),
        (Settings(topP: .nan), "the top-p is nan; it must be more than 0 and at most 1"),
        (Settings(minP: -0.1), "the min-p is -0.1; it must be between 0 and 1"),
        (Settings(minP: 1.5), "the min-p is 1.5; it must be between 0 and 1"),
        (Settings(minP: .nan), "the min-p is nan; it must be between 0 and 1"),
    ])
    func optionsOutOfRange(options: Settings, reason: String) {
        let error = thrownError { () throws(InvalidOption) in _ = try options.sampler() }
        #expect(error?.description == reason)
    }

    /// Logits that are no numbers give some token, for every combination of filters.
    @Test func logitsThatAreNoNumbers() throws {
        let hostile: [[Float]] = [
            [.nan], [.nan, 1, 2], [1, .nan, 2], [.nan, .nan], [.infinity, 1], [.infinity, .infinity, 1],
            [-.infinity, -.infinity], [-.infinity, 3, -.infinity], [.infinity, -.infinity, .nan],
            [.greatestFiniteMagnitude, -.greatestFiniteMagnitude],
        ]
        for logits in hostile {
            #expect(logits.indices.contains(greedy(logits)))
            for filters in 0..<8 {
                for temperature in [Float.leastNonzeroMagnitude, 1, .greatestFiniteMagnitude] {
                    var sampler = try ProbabilitySampler(
                        temperature: temperature, topK: filters & 1 == 0 ? nil : 2,
                        topP: filters & 2 == 0 ? nil : 0.5, minP: filters & 4 == 0 ? nil : 0.5)
                    for _ in 0..<5 { #expect(logits.indices.contains(sampler.sample(logits))) }
                }
            }
        }
        // What has no probability is never taken.
        var sampler = try Settings().sampler()
        #expect((0..<100).allSatisfy { _ in sampler.sample([-.infinity, 3, -.infinity]) == 1 })
    }
}
