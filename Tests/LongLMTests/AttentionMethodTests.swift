import Foundation
import LongLM
import TestSupport
import Testing

/// Positions, capacities and refusals of the methods, against their formulas for every pair of positions of a text.
@Suite struct AttentionMethodTests {
    /// A method, the distance that it defines for i, j and a pair of components of `pairCount`, and the greatest distance.
    struct Case: Sendable, CustomTestStringConvertible {
        let mode: AttentionMode
        var pairCount = 1
        let distance: @Sendable (_ i: Int, _ j: Int, _ pair: Int) -> Double
        var testDescription: String { mode.text }
    }

    /// STRING: distances from S on are shifted down by S − W.
    static func string(_ s: Int, _ w: Int) -> Case {
        Case(mode: .string(STRING(shiftedDistance: s, localWindow: w))) { i, j, _ in
            Double(i - j < s ? i - j : i - j - s + w)
        }
    }

    /// DPE: Self-Extend by block.
    static func dpe(_ groupSizes: [Int], _ w: Int, pairCount: Int) -> Case {
        Case(mode: .dpe(DPE(groupSizes: groupSizes, neighborWindow: w)), pairCount: pairCount) { i, j, pair in
            let g = groupSizes[pair / (pairCount / groupSizes.count)]
            return Double(i - j < w ? i - j : i / g - j / g + w - w / g)
        }
    }

    /// Dual Chunk Attention: by how many chunks lie between.
    static func dualChunk(_ c: Int, _ l: Int) -> Case {
        Case(mode: .dualChunk(DualChunkAttention(chunkSize: c, localSize: l))) { i, j, _ in
            let s = c - l
            let query =
                switch i / s - j / s {
                case 0: i % s
                case 1: min(i % s + s, c)
                default: min(2 * s - 1, c)
                }
            return Double(query - j % s)
        }
    }

    /// LaMPE: mapped beyond H.
    static func laMPE(_ n: Int, _ u: Int, _ h: Int) -> Case {
        Case(mode: .laMPE(LaMPE(length: n, mappedLength: u, neighborWindow: h))) { i, j, _ in
            func map(_ j: Int) -> Int { Int((Double(j * u) / Double(n - 1)).rounded(.down)) }
            return Double(i - j < h ? i - j : map(i) + h - (map(h) + 1) - map(j))
        }
    }

    static let cases = [
        string(21, 5), string(64, 1), string(10, 10), string(1, 1), dpe([2, 8, 1], 16, pairCount: 6),
        dpe([3], 20, pairCount: 6), dpe([1, 2, 3, 4, 5, 6], 10, pairCount: 6), dualChunk(48, 8), dualChunk(48, 40),
        dualChunk(5, 1), dualChunk(63, 1), dualChunk(20, 10), laMPE(200, 24, 4), laMPE(101, 40, 16), laMPE(64, 63, 8),
    ]

    /// Where a query meets a key: the zone is the last that has begun.
    private func distance(_ method: any AttentionMethod, _ i: Int, _ j: Int, pairBlock: Int) -> Double {
        let zones = method.zones
        let zone = zones.indices.last { zones[$0].firstKey.firstKey(for: i) <= j } ?? 0
        let key = zones[zone].keys == .ring ? Float(j) : method.keyPosition(j, pairBlock: pairBlock)
        return Double(method.queryPosition(i, zone: zone, pairBlock: pairBlock) - key)
    }

    @Test(arguments: cases)
    func distances(_ test: Case) {
        let method = test.mode.method
        let blockLength = test.pairCount / method.pairBlockCount
        for pair in 0..<test.pairCount {
            for i in 0..<210 {
                for j in 0...i {
                    let found = distance(method, i, j, pairBlock: pair / blockLength)
                    // No fraction and no number above 2²⁴ occurs, so Float is exact.
                    if found != test.distance(i, j, pair) {
                        Issue.record("\(i), \(j), \(pair): \(found), not \(test.distance(i, j, pair))")
                        return
                    }
                }
            }
        }
        #expect(method.movesPositions)
    }

    /// The greatest text for which no distance of the last query reaches the context: found by trying. Of DPE's blocks, the
    /// one with the greatest group counts. (Where a group doesn't divide W, the formula is a few tokens off, as
    /// Self-Extend's is.)
    @Test(arguments: cases.filter { !["dpe:3:20", "dpe:1,2,3,4,5,6:10"].contains($0.mode.text) })
    func capacity(_ test: Case) {
        let context = 64
        let capacity = test.mode.capacity(contextLength: context)
        func isWithin(_ i: Int) -> Bool {
            (0..<test.pairCount).contains { pair in
                (0...i).allSatisfy { abs(test.distance(i, $0, pair)) < Double(context) }
            }
        }
        let limit = 3_000
        #expect((0..<min(capacity, limit)).allSatisfy(isWithin))
        if capacity < limit { #expect(!isWithin(capacity)) } else { #expect(capacity == .max) }
    }

    // MARK: Identities

    @Test(arguments: [1, 2, 5])
    func dpeWithOneGroupSizeIsSelfExtend(groupSize: Int) {
        let dpe = DPE(groupSizes: [groupSize, groupSize, groupSize], neighborWindow: 17)
        let selfExtend = SelfExtend(groupSize: groupSize, neighborWindow: 17, shift: .floor)
        for position in 0..<300 {
            for block in 0..<3 {
                #expect(
                    dpe.farQueryPosition(position, pairBlock: block)
                        == selfExtend.farQueryPosition(position, pairBlock: 0))
                #expect(
                    dpe.keyPosition(position, pairBlock: block) == selfExtend.keyPosition(position, pairBlock: 0))
            }
        }
        #expect(dpe.capacity(contextLength: 64) == selfExtend.capacity(contextLength: 64))
    }

    @Test func factors() throws {
        let model = try loadModel().configuration
        func factor(_ text: String) throws -> Float {
            let mode = try AttentionMode(text: text)
            #expect(mode.method.queryScale(1 << 24) == 1)
            return mode.method.rotary(of: model).frequencies(length: 1).factor
        }
        #expect(STRING.publishedAttentionFactor == 0.1 * log(2) + 1)
        let published = Float(0.1 * log(2) + 1)
        #expect(try factor("string:9:3") == published && factor("lampe:9:5:3") == published)
        #expect(try factor("string:9:3:1") == 1 && factor("lampe:9:5:3:1.5") == 1.5 && factor("dpe:2:9") == 1)
    }

    @Test func publishedSettings() throws {
        #expect(DPE.llama3.groupSizes == [2, 8, 2, 8, 32, 32, 32, 4])
        #expect(DPE.mistral.groupSizes == [4, 16, 2, 16, 32, 16, 16, 2])
        #expect(DPE.llama31.groupSizes == [2, 32, 32, 2, 2, 2, 2, 1])
        #expect(DPE.qwen25.groupSizes == [2, 16, 8, 8, 32, 8, 2, 4])
        let names = ["llama-3-8b", "mistral-7b-v0.2", "llama-3.1-8b", "qwen2.5-7b"]
        for (name, settings) in zip(names, [DPE.llama3, .mistral, .llama31, .qwen25]) {
            #expect(settings.neighborWindow == 1_024)
            #expect(try AttentionMode(text: "dpe:\(name)") == .dpe(settings))
        }
    }

    // MARK: Refusals

    private func refusal(_ mode: AttentionMode, contextLength: Int = 64) -> String? {
        thrownError { () throws(AttentionError) in try mode.validate(contextLength: contextLength) }?.description
    }

    @Test(
        arguments: [
            (
                "string:0:0",
                "the shifted distance is 0; it must be at least 1 and at most the model's context length of 64"
            ),
            (
                "string:65:5",
                "the shifted distance is 65; it must be at least 1 and at most the model's context length of 64"
            ),
            ("string:20:0", "the local window is 0; it must be at least 1 and at most the shifted distance of 20"),
            ("string:20:21", "the local window is 21; it must be at least 1 and at most the shifted distance of 20"),
            ("string:20:5:0", "the attention factor is 0.0; it must be greater than 0 and at most 16"),
            ("string:20:5:17", "the attention factor is 17.0; it must be greater than 0 and at most 16"),
            ("dpe:2,0,2:16", "the group size is 0; it must be between 1 and 1048576"),
            ("dpe:2,1048577:16", "the group size is 1048577; it must be between 1 and 1048576"),
            (
                "dpe:2:64",
                "the neighbor window is 64; it must be at least 1 and less than the model's context length of 64"
            ),
            ("dca:64:8", "the chunk size is 64; it must be at least 1 and less than the model's context length of 64"),
            ("dca:0:0", "the chunk size is 0; it must be at least 1 and less than the model's context length of 64"),
            ("dca:48:0", "the local size is 0; it must be at least 1 and less than the chunk size of 48"),
            ("dca:48:48", "the local size is 48; it must be at least 1 and less than the chunk size of 48"),
            ("lampe:1:5:5", "the length of LaMPE is 1; it must be between 2 and 16777216"),
            ("lampe:16777217:5:5", "the length of LaMPE is 16777217; it must be between 2 and 16777216"),
            (
                "lampe:100:5:0",
                "the neighbor window is 0; it must be at least 1 and less than the model's context length of 64"
            ),
            (
                "lampe:100:0:5",
                "the mapped length is 0; it must be at least 1, and with the window's shift less than the model's context "
                    + "length of 64"
            ),
            (
                "lampe:1000:60:8",
                "the mapped length is 60; it must be at least 1, and with the window's shift less than the model's context "
                    + "length of 64"
            ),
            ("lampe:100:5:5:-1", "the attention factor is -1.0; it must be greater than 0 and at most 16"),
            ("linear:0.5", "the factor of position interpolation is 0.5; it must be between 1 and 1048576"),
            ("ntk:0", "the factor of NTK-aware scaling is 0.0; it must be between 1 and 1048576"),
            ("yarn:1e9", "the factor of YaRN is 1000000000.0; it must be between 1 and 1048576"),
            ("dynamic-ntk:0", "the length of dynamic NTK scaling is 0; it must be between 1 and 16777216"),
            ("llama3:0.5:1:4", "the factor of Llama 3.1's scaling is 0.5; it must be between 1 and 1048576"),
            ("llama3:8:0:4", "the low frequency factor is 0.0; it must be finite and greater than 0"),
            (
                "llama3:8:4:4",
                "the high frequency factor is 4.0; it must be finite and greater than the low frequency factor of 4.0"
            ),
            // They are the same number in 32 bits.
            (
                "llama3:8:4:4.0000001",
                "the high frequency factor is 4.0000001; it must be finite and greater than the low frequency factor of 4.0"
            ),
        ])
    func meaninglessSettings(text: String, reason: String) throws {
        #expect(refusal(try AttentionMode(text: text)) == reason)
    }

    @Test func noGroupSizes() {
        #expect(
            refusal(.dpe(DPE(groupSizes: [], neighborWindow: 5)))
                == "the number of group sizes is 0; it must be at least 1")
    }

    /// Whoever asks before a session has checked the settings gets a number, not a trap.
    @Test(arguments: [Int.min, -1, 0, 1, 1 << 24, Int.max])
    func extremes(number: Int) {
        let modes: [AttentionMode] = [
            .string(STRING(shiftedDistance: number, localWindow: 1)),
            .string(STRING(shiftedDistance: 1, localWindow: number)),
            .dpe(DPE(groupSizes: [number], neighborWindow: 1)),
            .dpe(DPE(groupSizes: [2], neighborWindow: number)),
            .dualChunk(DualChunkAttention(chunkSize: number, localSize: 1)),
            .dualChunk(DualChunkAttention(chunkSize: 2, localSize: number)),
            .laMPE(LaMPE(length: number, mappedLength: 5, neighborWindow: 5)),
            .laMPE(LaMPE(length: 50, mappedLength: number, neighborWindow: 5)),
            .laMPE(LaMPE(length: 50, mappedLength: 5, neighborWindow: number)),
            .linear(LinearScaling(factor: Double(number))), .dynamicNTK(DynamicNTKScaling(length: number)),
            .llama3(Llama3FrequencyScaling(factor: Double(number))),
        ]
        for mode in modes {
            #expect(mode.capacity(contextLength: 64) >= Int.min)
            _ = refusal(mode)
        }
    }

    @Test func dpeNeedsBlocksOfPairs() throws {
        let model = try loadModel()
        // Heads of 12 components have six pairs.
        for (count, isTaken) in [(1, true), (2, true), (3, true), (6, true), (4, false), (5, false), (7, false)] {
            let mode = AttentionMode.dpe(
                DPE(groupSizes: Array(repeating: 2, count: count), neighborWindow: 16))
            let error = thrownError { () throws(AttentionError) in try mode.validate(for: model.configuration) }
            let option = InvalidOption(
                "number of group sizes", count, allowed: "a divisor of the 6 rotary pairs of the model's heads")
            #expect(error == (isTaken ? nil : .invalidOption(option)))
        }
    }

    @Test(arguments: ["linear:2", "ntk:2", "dynamic-ntk:100", "yarn:2", "llama3:2:1:4"])
    func frequenciesThatAreScaledAlready(text: String) throws {
        let mode = try AttentionMode(text: text)
        for (folder, scaling) in [
            ("llama_llama3", "llama3"), ("llama_linear", "linear"), ("llama_dynamic", "dynamic"),
            ("llama_yarn", "yarn"),
        ] {
            let configuration = try ModelConfiguration(
                contentsOfFile: Fixtures.path("reference/\(folder)/config.json"))
            #expect(
                thrownError { () throws(AttentionError) in try mode.validate(for: configuration) }
                    == .scaledFrequencies(method: mode.title, scaling: scaling))
        }
        let plain = try ModelConfiguration(contentsOfFile: Fixtures.path("reference/llama/config.json"))
        #expect(thrownError { () throws(AttentionError) in try mode.validate(for: plain) } == nil)
    }

    @Test(arguments: ["rerope:16", "dca:48:8"])
    func methodsWithoutEndNeedACapacity(text: String) throws {
        let mode = try AttentionMode(text: text)
        let option = InvalidOption("capacity", "missing", allowed: "given, because \(mode.title) reaches to any length")
        let model = try loadModel()
        #expect(throws: SessionError.invalidOption(option)) {
            try Session(model: model, options: SessionOptions(attention: mode))
        }
    }

    // MARK: Frequencies

    /// θ = 10,000, R = 12, L = 64.
    @Test func frequencies() throws {
        let model = try loadModel().configuration
        func inverse(_ text: String) throws -> [Double] {
            let mode = try AttentionMode(text: text)
            return mode.method.rotary(of: model).frequencies(length: 1).inverse.map(Double.init)
        }
        func expect(_ text: String, _ expected: (Int) -> Double) throws {
            for (pair, found) in try inverse(text).enumerated() {
                // A few roundings to 24 bits.
                #expect(abs(found / expected(pair) - 1) < 1e-6, "\(text), pair \(pair)")
            }
        }
        func own(_ theta: Double, _ pair: Int) -> Double { pow(theta, -Double(2 * pair) / 12) }
        try expect("plain") { own(10_000, $0) }
        try expect("linear:2.5") { own(10_000, $0) / 2.5 }
        try expect("ntk:3") { own(10_000 * pow(3, 12.0 / 10), $0) }
        try expect("dynamic-ntk:160") { own(10_000 * pow(2.5, 12.0 / 10), $0) }
        try expect("dynamic-ntk:20") { own(10_000, $0) }
        try expect("yarn:4") { pair in
            func index(_ turns: Double) -> Double { 12 * log(64 / (turns * 2 * .pi)) / (2 * log(10_000)) }
            let (low, high) = (max(0, index(32).rounded(.down)), min(11, index(1).rounded(.up)))
            let ramp = min(max((Double(pair) - low) / (high - low), 0), 1)
            return own(10_000, pair) / 4 * ramp + own(10_000, pair) * (1 - ramp)
        }
        try expect("llama3:8:1:4") { pair in
            let wavelength = 2 * .pi / own(10_000, pair)
            if wavelength < 64 / 4 { return own(10_000, pair) }
            if wavelength > 64 / 1 { return own(10_000, pair) / 8 }
            let kept = (64 / wavelength - 1) / (4 - 1)
            return own(10_000, pair) * (kept + (1 - kept) / 8)
        }
        // In order: kept, in the ramp, and divided by F.
        let llama3 = try inverse("llama3:8:1:4")
        #expect(llama3[0] == 1 && llama3[1] < 0.9 * own(10_000, 1) && llama3[1] > 1.1 * own(10_000, 1) / 8)
        #expect(abs(llama3[2] / (own(10_000, 2) / 8) - 1) < 1e-6)
        let yarn = try AttentionMode(text: "yarn:4").method.rotary(of: model).frequencies(length: 1)
        #expect(yarn.factor == Float(0.1 * log(4) + 1))
        // The lowest frequency is divided by F.
        #expect(abs(try inverse("ntk:3")[5] / (own(10_000, 5) / 3) - 1) < 1e-6)
    }

    // MARK: Recommended settings

    @Test(
        arguments: [
            ("string", 8_192, 12_000, "string:3936:128"), ("string", 8_192, 4_000, "string:2730:128"),
            ("dpe", 8_192, 131_072, "dpe:2,8,2,8,32,32,32,4:1024"), ("dpe", 8_192, 16_384, "dpe:1,1,1,1,4,4,4,1:1024"),
            ("dca", 8_192, 100_000, "dca:6144:1024"), ("lampe", 8_192, 16_384, "lampe:16384:3584:512"),
            ("linear", 8_192, 12_000, "linear:1.5"), ("ntk", 8_192, 100, "ntk:1"), ("yarn", 8_192, 16_384, "yarn:2"),
            ("llama3", 8_192, 12_000, "llama3:1.5:1:4"),
            ("dynamic-ntk", 8_192, 10_000, "dynamic-ntk:10000"), ("rerope", 8_192, 10_000, "rerope:4096"),
            ("leaky-rerope", 8_192, 16_384, "leaky-rerope:5:1020"),
            ("self-extend", 8_192, 16_384, "self-extend:5:1020"),
        ])
    func recommendations(name: String, context: Int, length: Int, text: String) throws {
        let method = try #require(AttentionMode.methods.first { $0.name == name })
        #expect(try method.recommended(length: length, trainedContext: context).text == text)
    }

    /// Whatever the sizes, what is recommended is allowed and reaches the length.
    @Test(arguments: [64, 100, 2_048, 8_192, 131_072])
    func recommendationsSuit(context: Int) throws {
        for name in AttentionChoice.methodNames where name != "plain" {
            for share in [0.1, 0.5, 1, 1.01, 1.5, 1.9, 4, 10] {
                let length = max(1, Int(Double(context) * share))
                let method = try #require(AttentionMode.methods.first { $0.name == name })
                guard let mode = try? method.recommended(length: length, trainedContext: context).mode else {
                    // These two have an end.
                    #expect(name == "string" && share >= 1.9 || share >= 10, "\(name), \(length)")
                    continue
                }
                #expect(refusal(mode, contextLength: context) == nil, "\(mode.text) for \(length)")
                #expect(mode.capacity(contextLength: context) >= length, "\(mode.text) for \(length)")
            }
        }
    }

    @Test func stringHasAnEnd() {
        let error = thrownError { () throws(AttentionError) in
            _ = try STRING.recommended(length: 16_257, trainedContext: 8_192)
        }
        #expect(
            error
                == .lengthOutOfReach(method: "STRING", length: 16_257, trainedContext: 8_192, longestLength: 16_256))
        #expect(
            error?.description
                == "STRING extends a model trained for 8192 tokens to at most 16256, not to 16257")
    }
}
