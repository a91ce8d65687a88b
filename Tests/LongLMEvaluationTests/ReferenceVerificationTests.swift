import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

@Suite struct ReferenceVerificationTests {
    private static let modes = ["plain", "prefill", "chunks of 1", "chunks of 7", "chunks of 64", "decode"]

    @Test(arguments: [
        SelfExtend(groupSize: 4, neighborWindow: 16), SelfExtend(groupSize: 3, neighborWindow: 20, shift: .fractional),
        SelfExtend(groupSize: 8, neighborWindow: 24, queryScaleBase: 48),
    ])
    func ownLogitsPass(selfExtend: SelfExtend) throws {
        let results = try TinyCase(n: 100, selfExtend: selfExtend).results()
        #expect(results.map(\.mode) == Self.modes)
        // Chunks and decoding give the very bits of a prefill.
        #expect(results.allSatisfy { $0.passes && $0.comparison.passes && $0.comparison.worstDeviation == 0 })
        #expect(results.allSatisfy { $0.file == TinyCase.file })
    }

    /// Logits of other settings don't pass: the settings of cases.json are the ones that are computed.
    @Test(arguments: [("group", "3"), ("window", "17"), ("scale_base", "30"), ("shift", "\"fractional\"")])
    func otherSettingsFail(key: String, json: String) throws {
        // 3 does not divide 17, so that both shifts differ.
        var tiny = try TinyCase(selfExtend: SelfExtend(groupSize: 5, neighborWindow: 16))
        tiny.entry[key] = json
        let results = try tiny.results()
        #expect(results.map(\.passes) == [true, false, false, false, false, false])
    }

    /// A case may name its attention by a text instead.
    @Test func attentionAsAText() throws {
        var tiny = try TinyCase(selfExtend: SelfExtend(groupSize: 5, neighborWindow: 16))
        for key in ["group", "window", "scale_base", "shift"] { tiny.entry[key] = nil }
        for (text, passes) in [("5:16", true), ("self-extend:5:16", true), ("dpe:5:16", true), ("5:17", false)] {
            tiny.entry["attention"] = "\"\(text)\""
            let results = try tiny.results()
            #expect(results.map(\.passes) == [true] + Array(repeating: passes, count: 5), "\(text)")
        }
        for text in ["string", "wide", "auto"] {
            tiny.entry["attention"] = "\"\(text)\""
            #expect(throws: ReferenceError.self) { try tiny.results() }
        }
    }

    /// What a test of another package calls: it throws what differs.
    @Test func verify() throws {
        var tiny = try TinyCase()
        try tiny.write()
        #expect(try ReferenceCase.verify(directory: tiny.directory.path).map(\.mode) == Self.modes)
        tiny.baselineLogits?[5] += 1
        try tiny.write()
        do throws(ReferenceError) {
            try ReferenceCase.verify(directory: tiny.directory.path)
            Issue.record("a logit that is off by 1 was taken")
        } catch {
            guard case .mismatches(let results) = error else { throw error }
            #expect(results.map(\.mode) == ["plain"] && results.allSatisfy { !$0.passes })
            #expect("\(error)" == "logits differ from the reference: \(tiny.directory.path)/\(TinyCase.file), plain")
        }
    }

    /// One logit that is off by a thousandth of a standard deviation fails where it is compared, and is named.
    @Test func alteredLogit() throws {
        let original = try TinyCase()
        let mean = original.logits.reduce(0, +) / Float(original.logits.count)
        let square = original.logits.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
        let step = 1e-3 * (square / Float(original.logits.count)).squareRoot()
        let alterations: [(modes: [String], row: Int, WritableKeyPath<TinyCase, [Float]?>)] = [
            (["plain"], 0, \.baselineLogits), (["plain"], 39, \.baselineLogits),
            (["prefill", "chunks of 1", "chunks of 7", "chunks of 64"], 23, \.someLogits),
            (["decode"], 32, \.decodeLogits), (["decode"], 39, \.decodeLogits),
        ]
        for (modes, row, path) in alterations {
            for token in [0, 41, 66] {
                var altered = original
                let firstRow = path == \.decodeLogits ? 32 : 0
                altered[keyPath: path]?[(row - firstRow) * TinyCase.vocabularySize + token] += step
                for result in try altered.results() {
                    #expect(result.passes == !modes.contains(result.mode), "\(result.mode)")
                    if result.passes { continue }
                    #expect(result.comparison.worstRow == row && result.comparison.worstToken == token)
                    // The step is that of all rows; decode_logits are eight of them, of a somewhat other spread.
                    #expect((0.5e-3...2e-3).contains(result.comparison.worstDeviation))
                }
            }
        }
    }

    /// `logits` and `baseline_logits` may hold the last rows only; rows are counted from the text's beginning anyway.
    @Test func lastRowsOnly() throws {
        var tiny = try TinyCase()
        tiny.logits = Array(tiny.logits.suffix(5 * TinyCase.vocabularySize))
        tiny.baselineLogits = tiny.baselineLogits?.suffix(3 * TinyCase.vocabularySize)
        #expect(try tiny.results().allSatisfy(\.passes))
        tiny.logits[TinyCase.vocabularySize + 9] += 1
        tiny.baselineLogits?[2 * TinyCase.vocabularySize + 4] += 1
        let failed = try tiny.results().filter { !$0.passes }
        #expect(failed.map(\.mode) == Array(Self.modes[..<5]))
        #expect(failed.map(\.comparison.worstRow) == [39, 36, 36, 36, 36])
        #expect(failed.map(\.comparison.worstToken) == [4, 9, 9, 9, 9])
    }

    @Test func absentTensors() throws {
        var tiny = try TinyCase()
        tiny.decodeLogits = nil
        #expect(try tiny.results().map(\.mode) == Array(Self.modes[..<5]))
        tiny.baselineLogits = nil
        #expect(try tiny.results().map(\.mode) == Array(Self.modes[1..<5]))
    }

    /// From one token to a few, all of them decoded.
    @Test(arguments: [1, 2, 8])
    func shortTexts(n: Int) throws {
        let results = try TinyCase(n: n, decoded: n).results()
        #expect(results.map(\.mode) == Self.modes && results.allSatisfy(\.passes))
    }

    @Test func modelElsewhere() throws {
        let tiny = try TinyCase()
        try tiny.write()
        let cases = try TemporaryDirectory()
        for file in ["cases.json", TinyCase.file] {
            try FileManager.default.copyItem(atPath: tiny.directory.file(file), toPath: cases.file(file))
        }
        let results = try run(cases.path, modelDirectory: tiny.directory.path)
        #expect(results.count == 6 && results.allSatisfy { $0.passes && $0.directory == cases.path })
        let missing = ReferenceError.model(.unreadable(file: cases.file("config.json"), reason: "no such file"))
        #expect(throws: missing) { try run(cases.path) }
    }

    /// Cases are run in their order, and another thread count gives the same.
    @Test func manyCases() throws {
        let tiny = try TinyCase()
        try tiny.write()
        var plain = tiny.entry
        plain["group"] = "1"
        try tiny.directory.write("[\(jsonObject(plain)), \(jsonObject(tiny.entry))]", to: "cases.json")
        for threads in [1, 3] {
            let results = try run(tiny.directory.path, threadCount: threads)
            #expect(results.map(\.mode) == Self.modes + Self.modes)
            #expect(results[6...].allSatisfy(\.passes) && !results[1].passes)
        }
    }

    @Test func resultsAsJSON() throws {
        let results = try TinyCase(n: 4, decoded: 2).results()
        let decoded = try JSONDecoder().decode([ReferenceResult].self, from: try JSONEncoder().encode(results))
        #expect(decoded == results && results.count == 6)
    }
}

extension TinyCase {
    /// ``logits`` of the type that the others have.
    fileprivate var someLogits: [Float]? {
        get { logits }
        set { logits = newValue ?? [] }
    }
}
