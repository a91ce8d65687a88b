import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

@Suite("Pass keys")
struct PasskeyTests {
    private let tiny: PasskeyModel

    init() throws { tiny = try PasskeyModel() }

    private func prompts(_ grid: PasskeyGrid, length: Int) throws -> [PasskeyPrompt] {
        try grid.prompts(length: length, tokenizer: tiny.tokenizer)
    }

    private func grid(
        depths: [Double] = [0, 0.3, 1], promptCount: Int = 3, digitCount: Int = 5, seed: UInt64 = 0,
        template: PasskeyTemplate? = nil
    ) -> PasskeyGrid {
        PasskeyGrid(
            lengths: [], depths: depths, promptCount: promptCount, digitCount: digitCount, seed: seed,
            template: template ?? tiny.template)
    }

    @Test("Prompts are as long as words allow", arguments: [66, 67, 100, 256, 1_001])
    func lengths(length: Int) throws {
        // A letter is a token, and the key takes five more.
        let all = try prompts(grid(), length: length)
        #expect(all.count == 9)
        let longest = tiny.template.filler.map(\.count).max() ?? 0
        for prompt in all {
            #expect(prompt.input.count + 5 <= length)
            #expect(prompt.input.count + 5 + longest > length)
            #expect(prompt.target.count == 5 && prompt.target.allSatisfy { "0123456789".contains($0) })
            #expect(prompt.input.contains("the pass key is \(prompt.target). "))
            #expect(prompt.input.hasSuffix(tiny.template.question))
        }
        // With words of one length there is room for no other one.
        var template = tiny.template
        template.filler = ["apple "]
        for prompt in try prompts(grid(template: template), length: length) {
            #expect((length - 5 - 5...length - 5).contains(prompt.input.count))
        }
    }

    @Test func depths() throws {
        var template = tiny.template
        template.introduction = "read on. "
        template.filler = ["apple "]
        for depth in [0, 0.25, 0.5, 1] {
            for prompt in try prompts(grid(depths: [depth], template: template), length: 500) {
                let sentence = "the pass key is \(prompt.target). "
                let count = (prompt.input.count - 9 - sentence.count - template.question.count) / 6
                let before = Int((depth * Double(count)).rounded())
                #expect(count > 50)
                #expect(
                    prompt.input == "read on. " + String(repeating: "apple ", count: before) + sentence
                        + String(repeating: "apple ", count: count - before) + template.question)
            }
        }
    }

    @Test func everyPlaceOfTheKeyIsFilled() throws {
        var template = tiny.template
        template.key = "{key} is it: {key}. "
        let prompt = try #require(try prompts(grid(digitCount: 3, template: template), length: 200).first)
        #expect(prompt.target.count == 3 && prompt.input.hasPrefix("\(prompt.target) is it: \(prompt.target). "))
    }

    @Test func seeds() throws {
        let first = try prompts(grid(), length: 300)
        #expect(first == (try prompts(grid(), length: 300)))
        #expect(Set(first.map(\.target)).count == 9)
        let other = try prompts(grid(seed: 1), length: 300)
        #expect(zip(first, other).allSatisfy { $0 != $1 })
        #expect(zip(first, try prompts(grid(), length: 301)).allSatisfy { $0.target != $1.target })
    }

    @Test func lengthWithoutRoom() throws {
        #expect(throws: EvaluationError.invalidSetting("65 tokens are too few for a key of 5 digits and the question"))
        {
            _ = try prompts(self.grid(), length: 65)
        }
        var grid = self.grid()
        grid.lengths = [256, 65]
        #expect(throws: EvaluationError.invalidSetting("65 tokens are too few for a key of 5 digits and the question"))
        {
            try grid.run(model: tiny.model, tokenizer: tiny.tokenizer, settings: [.plain])
        }
    }

    @Test("Filler that would never fill a text is refused", arguments: [[], [""], ["ÄÖ"]])
    func fillerWithoutTokens(filler: [String]) throws {
        var template = tiny.template
        template.filler = filler
        #expect(
            throws: EvaluationError.invalidSetting(
                "the template's filler holds no character that the tokenizer knows")
        ) { _ = try prompts(self.grid(template: template), length: 200) }
    }

    @Test(arguments: [-0.1, 1.5, .nan])
    func depthOutOfRange(depth: Double) throws {
        #expect(throws: EvaluationError.invalidSetting("a depth of \(depth); it must be between 0 and 1")) {
            _ = try prompts(self.grid(depths: [depth]), length: 200)
        }
    }

    @Test("A setting that doesn't reach is refused before any work")
    func settings() {
        var grid = self.grid()
        grid.lengths = [128, 449]
        var count = 0
        #expect(
            throws: EvaluationError.invalidSetting(
                "2:64 reaches to 448 tokens of a model trained for 256, not to 449")
        ) {
            try grid.run(
                model: tiny.model, tokenizer: tiny.tokenizer,
                settings: [.plain, .selfExtend(groupSize: 2, neighborWindow: 64)]
            ) { _ in count += 1 }
        }
        #expect(count == 0)
    }

    @Test("Within its context the tiny model finds keys, past it only with Self-Extend")
    func accuracy() throws {
        // Measured, with these prompts: plain 100 % and 38 %, with Self-Extend 100 % and 100 %.
        var grid = grid(depths: (0..<10).map { Double($0) / 9 }, promptCount: 4)
        grid.lengths = [256, 1_024]
        var reported: [PasskeyRow] = []
        let rows = try grid.run(
            model: tiny.model, tokenizer: tiny.tokenizer, settings: [.plain, .automatic],
            report: { reported.append($0) })
        #expect(rows == reported)
        #expect(rows.map(\.length) == [256, 256, 1_024, 1_024])
        #expect(rows.map(\.setting) == ["plain", "auto", "plain", "auto"])
        // Within the trained context, auto is the plain mode, which is run once.
        #expect(rows.map(\.mode) == ["plain", "plain", "plain", "selfExtend"])
        #expect(rows.map(\.groupSize) == [nil, nil, nil, 13] && rows.map(\.neighborWindow) == [nil, nil, nil, 52])
        #expect(rows[0].results == rows[1].results && rows[0].seconds == rows[1].seconds)
        #expect(rows[0].accuracy >= 0.95)
        #expect(rows[1].accuracy >= 0.95)
        #expect(rows[2].accuracy <= 0.6)
        #expect(rows[3].accuracy >= 0.95)
        for row in rows {
            #expect(row.count == 40 && row.results.count == 40)
            #expect(row.accuracy == Double(row.results.count { $0.isFound }) / 40)
            #expect(row.results.allSatisfy { $0.isFound == ($0.answer == $0.target) })
            let mean = row.results.reduce(0) { $0 + $1.logLikelihood } / 40
            #expect(abs(row.meanLogLikelihood - mean) < 1e-12)
        }
        #expect(rows[2].meanLogLikelihood < rows[3].meanLogLikelihood)
        // Each setting answers the same prompts.
        #expect(rows[2].results.map(\.target) == rows[3].results.map(\.target))
        #expect(rows[2].results.map(\.target) == (try prompts(grid, length: 1_024).map(\.target)))
    }

    @Test func farPastTheContext() throws {
        // Measured, with 11 such prompts: 0 and 11; with 40: 0 and 39.
        var grid = grid(depths: (0...10).map { Double($0) / 10 }, promptCount: 1)
        grid.lengths = [2_048]
        let rows = try grid.run(model: tiny.model, tokenizer: tiny.tokenizer, settings: [.plain, .automatic])
        #expect(rows.map(\.accuracy)[0] == 0)
        #expect(rows.map(\.accuracy)[1] >= 0.9)
    }

    @Test("A batch is as long as its longest prompt with its key")
    func batchLength() throws {
        let batch = PasskeyBatch(
            prompts: [PasskeyPrompt(input: "ab ", target: "12"), PasskeyPrompt(input: "abcd ", target: "1")],
            tiny.tokenizer)
        #expect(batch.length == 6)
        let rows = try PasskeyBatch.run([batch], model: tiny.model, tokenizer: tiny.tokenizer, settings: [.plain])
        #expect(rows.map(\.length) == [6] && rows[0].results.map(\.promptTokenCount) == [3, 5])
    }
}

@Suite("Files of pass key prompts and templates")
struct PasskeyFileTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func expectRefusal(_ text: String, line: Int, _ reason: String) throws {
        let path = try directory.write(text, to: "prompts.jsonl")
        #expect(throws: EvaluationError.malformedLine(file: path, line: line, reason: reason)) {
            _ = try PasskeyPrompt.read(path)
        }
    }

    @Test func promptsAreRead() throws {
        let path = try directory.write(
            #"{"input": "a \"b\"\n", "target": "1"}"# + "\n" + #"{"target": "2", "input": "ü", "more": [3]}"#,
            to: "prompts.jsonl")
        #expect(
            try PasskeyPrompt.read(path) == [
                PasskeyPrompt(input: "a \"b\"\n", target: "1"), PasskeyPrompt(input: "ü", target: "2"),
            ])
    }

    @Test func malformedPrompts() throws {
        let good = #"{"input": "a", "target": "1"}"#
        let other = #"is no JSON object with "input" and "target""#
        for (line, reason) in [
            (#"{"input": "b"}"#, other), (#"{"target": "2"}"#, other), ("[]", other),
            (#"{"input": 1, "target": "2"}"#, other),
            (#"{"input": "b", "targ"#, "column 21: the text ends inside a string"), ("b", "column 1: expected a value"),
            (#"{"input": "b", "input": "c", "target": "2"}"#, "column 16: the key input occurs twice"),
        ] {
            for text in [good + "\n" + line, good + "\n" + line + "\n" + good + "\n"] {
                try expectRefusal(text, line: 2, reason)
            }
        }
        try expectRefusal(
            good + "\n" + good + "\n" + #"{"input": "", "target": "1"}"#, line: 3, "has an empty input or target")
        try expectRefusal(#"{"input": "a", "target": ""}"#, line: 1, "has an empty input or target")
    }

    @Test(arguments: ["", "\n\n"])
    func noPrompt(text: String) throws {
        let path = try directory.write(text, to: "prompts.jsonl")
        #expect(throws: EvaluationError.file(path, reason: "holds no prompt")) { _ = try PasskeyPrompt.read(path) }
    }

    @Test func missingFiles() {
        let path = directory.file("missing")
        #expect(throws: EvaluationError.file(path, reason: "no such file")) { _ = try PasskeyPrompt.read(path) }
        #expect(throws: EvaluationError.file(path, reason: "no such file")) {
            _ = try PasskeyTemplate(contentsOfFile: path)
        }
    }

    @Test func templates() throws {
        func path(_ members: [String: String]) throws -> String {
            try directory.write(jsonObject(members), to: "template.json")
        }
        let good = [
            "introduction": #""i ""#, "filler": #"["a ", "b "]"#, "key": #""it is {key}. ""#, "question": #""q ""#,
        ]
        #expect(
            try PasskeyTemplate(contentsOfFile: try path(good))
                == PasskeyTemplate(introduction: "i ", filler: ["a ", "b "], key: "it is {key}. ", question: "q "))
        for (member, json) in [
            ("filler", "[]"), ("filler", #"["a", ""]"#), ("key", #""it is. ""#), ("question", #""""#),
        ] {
            let path = try path(good.merging([member: json]) { $1 })
            #expect(
                throws: EvaluationError.file(path, reason: "needs filler, a key sentence with {key}, and a question")
            ) { _ = try PasskeyTemplate(contentsOfFile: path) }
        }
        let cut = try directory.write("{\n \"filler\": [", to: "cut.json")
        #expect(
            throws: EvaluationError.file(cut, reason: "line 2, column 13: expected a value, but the text ends here")
        ) { _ = try PasskeyTemplate(contentsOfFile: cut) }
        for json in ["1", #"["a", 1]"#] {
            let path = try path(good.merging(["filler": json]) { $1 })
            #expect(throws: EvaluationError.file(path, reason: "is no template of a pass key task")) {
                _ = try PasskeyTemplate(contentsOfFile: path)
            }
        }
        for member in good.keys {
            let path = try path(good.filter { $0.key != member })
            #expect(throws: EvaluationError.file(path, reason: "is no template of a pass key task")) {
                _ = try PasskeyTemplate(contentsOfFile: path)
            }
        }
    }
}
