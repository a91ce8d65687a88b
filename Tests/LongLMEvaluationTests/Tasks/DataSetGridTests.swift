import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

/// A line in LongBench's form.
func sampleLine(
    _ dataSet: String, context: String, question: String = "who", answers: [String] = ["ann"], length: Int = 10
) throws -> String {
    let members: [String: Any] = [
        "dataset": dataSet, "context": context, "input": question, "answers": answers, "length": length,
    ]
    return String(decoding: try JSONSerialization.data(withJSONObject: members), as: UTF8.self) + "\n"
}

/// Prompts whose tokens are bytes.
@Suite("Prompts of data sets")
struct DataSetGridTests {
    private let directory: TemporaryDirectory
    private let form: TaskForm

    init() throws {
        directory = try TemporaryDirectory()
        form = TaskForm(tokenizer: try byteTokenizer())
    }

    private struct Prompt: Decodable, Equatable {
        let task: String
        let index: Int
        let line: Int
        let input: String
        let outputs: [String]
        let length: Int
        let tokens: Int
        let truncated: Bool
    }

    private func grid(
        _ text: String, _ options: DataSetOptions = DataSetOptions(), shard: String? = nil
    ) throws -> DataSetGrid {
        let path = try directory.write(text, to: "set.jsonl")
        return try DataSetGrid(
            DataSet(contentsOfFile: path), options: options, shard: shard.flatMap { Shard($0) }, form: form)
    }

    private func prompts(_ grid: DataSetGrid) throws -> [Prompt] {
        var prompts: [Prompt] = []
        var failure: (any Error)?
        try grid.writePrompts { line in
            do {
                prompts.append(try JSONDecoder().decode(Prompt.self, from: Data(line.utf8)))
            } catch { failure = error }
        }
        if let failure { throw failure }
        return prompts
    }

    private func template(_ text: String, name: String = "template.txt") throws -> DataSetTemplate {
        try DataSetTemplate(contentsOfFile: directory.write(text, to: name))
    }

    @Test("LongBench's metrics and limits, and which of its data sets need another metric")
    func longBench() throws {
        let names = [
            "narrativeqa", "qasper", "multifieldqa_en", "hotpotqa", "2wikimqa", "musique", "triviaqa", "gov_report",
            "qmsum", "multi_news", "samsum", "hotpotqa_e", "mine", "trec", "lsht", "passage_count",
            "passage_retrieval_en", "passage_retrieval_zh", "lcc", "repobench-p", "multifieldqa_zh", "dureader",
            "vcsum",
        ]
        let text = try names.map { try sampleLine($0, context: "c") }.joined()
        let grid = try grid(text)
        #expect(grid.parts.map(\.name) == Array(names.prefix(13)))
        #expect(
            grid.parts.map(\.metric)
                == [TaskMetric](repeating: .f1, count: 7) + [TaskMetric](repeating: .rougeLLongBench, count: 4)
                + [.f1, .f1])
        #expect(grid.parts.map(\.answerTokenLimit) == [128, 128, 64, 32, 32, 32, 32, 512, 512, 512, 128, 32, 128])
        #expect(grid.leftOut.map(\.dataSet) == Array(names.dropFirst(13)) && grid.leftOut.allSatisfy { $0.count == 1 })
        #expect(grid.leftOut[0].reason == "scored by classes" && grid.leftOut[6].reason.hasPrefix("scored by the edit"))
        // What is asked for takes the place of both.
        let asked = try self.grid(text, DataSetOptions(metric: .containsAny, answerTokenLimit: 7))
        #expect(asked.parts.count == names.count && asked.leftOut.isEmpty)
        #expect(asked.parts.allSatisfy { $0.metric == .containsAny && $0.answerTokenLimit == 7 })
    }

    @Test("L-Eval's samples that people, models or exact match score are left out")
    func lEval() throws {
        func line(_ evaluation: String, _ output: String = "ann") -> String {
            #"{"input": "c", "instructions": ["q"], "outputs": ["\#(output)"], "evaluation": "\#(evaluation)"}"# + "\n"
        }
        let grid = try grid(
            line("f1") + line("F1") + line("human") + line("LLM") + line("exam") + line("exam", "AC") + line("new"))
        #expect(grid.parts.map(\.count) == [2] && grid.parts[0].metric == .f1)
        #expect(grid.parts[0].name == "set" && grid.parts[0].answerTokenLimit == 512)
        #expect(
            grid.leftOut.map(\.reason) == [
                "scored by people or another model", "scored by exact match",
                "multiple choice, which needs exact match",
                #"with an unknown "evaluation""#,
            ])
        #expect(grid.leftOut.map(\.count) == [2, 1, 1, 1])
        #expect(try self.grid(line("rouge")).parts[0].metric == .rougeL)
        // A letter is in most answers, and F1 drops an A.
        let asked = try self.grid(line("exam") + line("exam", "AC"), DataSetOptions(metric: .containsAny))
        #expect(asked.parts.map(\.count) == [1] && asked.leftOut.map(\.count) == [1])
        #expect(
            throws: EvaluationError.file(
                directory.file("set.jsonl"),
                reason: "holds no sample that can be scored here (set: scored by exact match)")
        ) { try self.grid(line("exam")) }
        #expect(
            throws: EvaluationError.malformedLine(
                file: directory.file("set.jsonl"), line: 2,
                reason: "is scored by rouge-l, and earlier samples of set by f1; choose one for all with --metric")
        ) { try self.grid(line("f1") + line("rouge")) }
    }

    @Test func templates() throws {
        let text = try sampleLine("a", context: "See {input}. {b") + sampleLine("b_e", context: "C", question: "")
        #expect(
            try prompts(grid(text)).map(\.input)
                == ["See {input}. {b\n\nQuestion: who\nAnswer:", "C\n\nSummary of the text above:"])
        // Without the last line break, and each placeholder wherever it is. What a sample spells stays.
        var options = DataSetOptions(template: try template("{input}: {context}|{context} {x}\n"))
        #expect(
            try prompts(grid(text, options)).map(\.input)
                == ["who: See {input}. {b|See {input}. {b {x}", ": C|C {x}"])
        options.template = try template(#"{"a": "A {context}\n", "b": "B {context}"}"#, name: "t.json")
        #expect(try prompts(grid(text, options)).map(\.input) == ["A See {input}. {b\n", "B C"])
        #expect(options.template.name == "t.json" && options.template.hash != DataSetTemplate.standard.hash)

        options.template = try template(#"{"b": "B {context}"}"#, name: "t.json")
        #expect(throws: EvaluationError.invalidSetting("t.json: has no template for the data set a")) {
            try grid(text, options)
        }
        options.template = try template("{context}")
        #expect(
            throws: EvaluationError.invalidSetting(
                "template.txt: has no {input}, where the question of line 1 goes")
        ) { try grid(text, options) }
        let refusals = [
            ("x.txt", "{input}", "has no {context}, where the text goes"),
            ("x.json", #"{"a": "{input}"}"#, #""a" has no {context}, where the text goes"#),
            ("x.json", #"{"a": 1}"#, #""a" is no text"#), ("x.json", "[]", "is no JSON object of templates"),
            ("x.json", "{", "line 1, column 2: expected a key in double quotes or '}', but the text ends here"),
            ("x.txt", "{context}" + String(repeating: " ", count: 1 << 20), "has more than 1048576 bytes"),
        ]
        for (name, text, reason) in refusals {
            #expect(throws: EvaluationError.file(directory.file(name), reason: reason)) {
                try template(text, name: name)
            }
        }
        try Data([0xff]).write(to: URL(filePath: directory.file("x.txt")))
        #expect(throws: EvaluationError.file(directory.file("x.txt"), reason: "is not UTF-8 text")) {
            try DataSetTemplate(contentsOfFile: directory.file("x.txt"))
        }
    }

    @Test("The first and the last half of the tokens stay, and no part of a character")
    func truncation() throws {
        let context = (0..<10).map { "\($0)bcdefghi-" }.joined()
        let text = try sampleLine("a", context: context) + sampleLine("a", context: String(context.prefix(30)))
        var options = DataSetOptions(answerTokenLimit: 8, template: try template("{context}|{input}"))
        options.maximumLength = 48
        #expect(
            throws: EvaluationError.malformedLine(
                file: directory.file("set.jsonl"), line: 1,
                reason: "the prompt and an answer of 8 tokens take 112 tokens, more than 48; "
                    + "--truncate middle keeps its first and last half")
        ) { try grid(text, options) }
        options.truncatesMiddle = true
        let found = try prompts(grid(text, options))
        #expect(
            found[0]
                == Prompt(
                    task: "a", index: 0, line: 1, input: "0bcdefghi-1bcdefghi-" + "8bcdefghi-9bcdefghi-|who".suffix(20),
                    outputs: ["ann"], length: 48, tokens: 40, truncated: true))
        #expect(found[1].input == context.prefix(30) + "|who" && !found[1].truncated && found[1].length == 42)
        // 104 bytes fit, and one less doesn't.
        options.maximumLength = 112
        #expect(try prompts(grid(text, options)).allSatisfy { !$0.truncated })
        options.maximumLength = 111
        #expect(try prompts(grid(text, options)).map(\.truncated) == [true, false])

        // Halves of 12 bytes would end with the first byte of é and begin with the last two of €.
        let wide = try sampleLine(
            "a", context: "x" + String(repeating: "é", count: 9) + String(repeating: "€", count: 9))
        options.maximumLength = 8 + 24
        let cut = try prompts(grid(wide, options))[0]
        #expect(cut.input == "xééééé" + "€€|who" && cut.tokens == 21)

        options.maximumLength = 9
        #expect(
            throws: EvaluationError.malformedLine(
                file: directory.file("set.jsonl"), line: 1,
                reason: "9 tokens have no room for a prompt and an answer of 8")
        ) { try grid(text, options) }
        options.maximumLength = 7
        #expect(throws: EvaluationError.self) { try grid(text, options) }
    }

    @Test("A text that spells a special token can't forge it")
    func specialTokens() throws {
        let tokenizer = try byteTokenizer(special: "<|end|>")
        #expect(tokenizer.encode("<|end|>") == [256])
        let path = try directory.write(sampleLine("a", context: "x<|end|>"), to: "set.jsonl")
        let grid = try DataSetGrid(DataSet(contentsOfFile: path), form: TaskForm(tokenizer: tokenizer))
        let prompt = try #require(try prompts(grid).first)
        #expect(prompt.tokens == prompt.input.utf8.count)
    }

    @Test("Of answers to LongBench's data sets of examples, only the first line counts")
    func firstLine() throws {
        let names = ["hotpotqa", "triviaqa", "triviaqa_e", "samsum", "trec", "lsht"]
        let text = try names.map { try sampleLine($0, context: "c", answers: ["ann lee"]) }.joined()
        let samples = try DataSet(contentsOfFile: directory.write(text, to: "set.jsonl")).samples
        // F1 of two words and of four: 2 · 2/(2 + 2), 2 · 2/(4 + 2).
        #expect(samples.map { $0.score("\n\nAnn Lee\nPassage: more", metric: .f1) } == [4.0 / 6, 1, 1, 1, 1, 1])
        #expect(samples.map { $0.score("no\nAnn Lee", metric: .containsAny) } == [1, 0, 0, 0, 0, 0])
        #expect(samples[1].score("", metric: .f1) == 0)
    }

    @Test func countsAndShards() throws {
        let text = try (0..<7).map { try sampleLine($0 % 2 == 0 ? "a" : "b", context: "c\($0)") }.joined()
        let whole = try prompts(grid(text))
        #expect(whole.map(\.line) == Array(1...7) && whole.map(\.index) == [0, 0, 1, 1, 2, 2, 3])
        let two = try grid(text, DataSetOptions(count: 2))
        #expect(two.parts.map(\.count) == [2, 2])
        #expect(try prompts(two) == Array(whole.prefix(4)))
        let parts = try (1...3).map { try grid(text, shard: "\($0)/3") }
        // All parts know the whole.
        #expect(parts.allSatisfy { $0.parts.map(\.count) == [4, 3] })
        #expect(try prompts(parts[1]) == [whole[1], whole[4]])
        #expect(try parts.flatMap { try prompts($0) }.sorted { $0.line < $1.line } == whole)
        #expect(parts[1].lengths == [whole[1].length])
    }

    @Test func refusals() throws {
        let text = try sampleLine("a", context: "c")
        let refusals = [
            (DataSetOptions(count: 0), "a count of 0 samples; there must be at least 1"),
            (
                DataSetOptions(answerTokenLimit: 0),
                "the most tokens of answers are 0; they must be between 1 and 16777216"
            ),
            (
                DataSetOptions(maximumLength: .max),
                "the most tokens of prompts are 9223372036854775807; they must be between 1 and 16777216"
            ),
        ]
        for (options, reason) in refusals {
            #expect(throws: EvaluationError.invalidSetting(reason)) { try grid(text, options) }
        }
    }
}
