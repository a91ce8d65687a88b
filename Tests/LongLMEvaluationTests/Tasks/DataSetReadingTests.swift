import Foundation
import LongLMEvaluation
import TestSupport
import Testing

@Suite("Reading data sets")
struct DataSetReadingTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func read(_ text: String, name: String = "some_qa.jsonl") throws -> DataSet {
        try DataSet(contentsOfFile: directory.write(text, to: name))
    }

    @Test func longBench() throws {
        let set = try read(
            """
            {"input": "Who?", "context": "Ann came.\\nShe left.", "answers": ["Ann", "She"], "length": 4100, \
            "dataset": "hotpotqa", "language": "en", "all_classes": null, "_id": "x", "other": [{"a": 1.5}]}
            \r
             {"answers": ["a b"], "context": "c d  e", "input": ""}\r

            """)
        #expect(set.fileName == "some_qa.jsonl" && set.samples.count == 2)
        #expect(set.samples[0].dataSet == "hotpotqa" && set.samples[0].line == 1)
        #expect(set.samples[0].question == "Who?" && set.samples[0].context == "Ann came.\nShe left.")
        #expect(set.samples[0].answers == ["Ann", "She"] && set.samples[0].wordCount == 4100)
        // Named after the file, on the third line, and its words counted.
        #expect(set.samples[1].dataSet == "some_qa" && set.samples[1].line == 3 && set.samples[1].wordCount == 5)
    }

    @Test("The hash is what sha256sum prints")
    func hash() throws {
        // A block of 64 bytes, and less than one: printf '…' | sha256sum.
        let line = #"{"input":"q","context":"0123456789","answers":["abcdefghijkl"]}"#
        #expect(line.utf8.count == 63)
        #expect(
            try read(line + "\n").hash == "ee524ac13fa57aabefa77963194bb50d5b57727c2795629164a6bb60924001e2")
        #expect(try read(line).hash != read(line + "\n").hash)
    }

    @Test func lEval() throws {
        let set = try read(
            #"{"instructions": ["Who?", "When?"], "outputs": ["Ann", "at noon"], "input": "Ann came at noon.", "#
                + #""source": "wiki", "evaluation": "f1"}"#)
        #expect(set.samples.map(\.question) == ["Who?", "When?"])
        #expect(set.samples.map(\.answers) == [["Ann"], ["at noon"]])
        #expect(set.samples.allSatisfy { $0.context == "Ann came at noon." && $0.line == 1 && $0.dataSet == "some_qa" })
        #expect(set.samples.map(\.wordCount) == [6, 7])
        // The instructions of gsm100 hold everything.
        #expect(try read(#"{"instructions": ["Who?"], "outputs": ["Ann"], "input": ""}"#).samples[0].context.isEmpty)
    }

    @Test(arguments: [
        (#"{"input": "q", "context": "c"}"#, #"has no "answers""#),
        (#"{"input": "q", "answers": ["a"]}"#, #"has no "context""#),
        (#"{"context": "c", "answers": ["a"]}"#, #"has no "input""#),
        (#"{"input": "q", "instructions": ["a"]}"#, #"has no "outputs""#),
        (#"{"input": "q", "outputs": ["a"]}"#, #"has no "instructions""#),
        (#"{"instructions": ["a"], "outputs": ["a"]}"#, #"has no "input""#),
        (
            #"{"question": "q"}"#,
            #"is of neither form: LongBench's has "input", "context" and "answers", and L-Eval's "input", "#
                + #""instructions" and "outputs""#
        ),
        (#"{"input": "q", "context": "c", "answers": []}"#, #""answers" is empty"#),
        (
            #"{"input": "q", "context": "c", "answers": ["a", " "]}"#,
            "has an empty answer, which any text would contain"
        ),
        (#"{"input": "", "context": "", "answers": ["a"]}"#, "has neither a text nor a question"),
        (
            #"{"input": "c", "instructions": ["a"], "outputs": ["a", "b"]}"#,
            #"has 1 "instructions" and 2 "outputs"; there must be as many of both, and at least one"#
        ),
        (
            #"{"input": "c", "instructions": [], "outputs": []}"#,
            #"has 0 "instructions" and 0 "outputs"; there must be as many of both, and at least one"#
        ),
        (#"{"input": "q", "context": "c", "answers": "a"}"#, #""answers", column 43: expected an array"#),
        (#"{"input": "q", "context": "c", "answers": [1]}"#, #""answers", column 44: expected a string"#),
        (#"{"input": null, "context": "c", "answers": ["a"]}"#, #""input", column 11: expected a string"#),
        (
            #"{"length": -1}"#, #""length", column 12: expected an integer from 0 to 9223372036854775807"#
        ),
        (#"["input"]"#, "column 1: expected an object"),
        (#"{"input": "q""#, "column 14: expected ',' or '}', but the text ends here"),
        (#"{"input": "q"} {}"#, "column 16: unexpected text after the end"),
        (#"{"input": "q", "input": "q"}"#, "column 16: the key input occurs twice"),
        (
            #"{"input": "q", "context": "c", "answers": ["a"], "dataset": "a\u001bb"}"#,
            "the name of its data set is empty, has more than 64 characters or an unprintable one"
        ),
    ])
    func otherLines(line: String, reason: String) throws {
        let good = #"{"input": "q", "context": "c", "answers": ["a"]}"#
        let path = directory.file("some_qa.jsonl")
        #expect(throws: EvaluationError.malformedLine(file: path, line: 2, reason: reason)) {
            try read(good + "\n" + line + "\n" + good)
        }
    }

    @Test func otherFiles() throws {
        for text in ["", "\n \n"] {
            #expect(throws: EvaluationError.file(directory.file("some_qa.jsonl"), reason: "holds no sample")) {
                try read(text)
            }
        }
        let path = directory.file("bytes.jsonl")
        try Data(#"{"input": "q", "context": ""#.utf8 + [0xff] + Array(#"c", "answers": ["a"]}"#.utf8))
            .write(to: URL(filePath: path))
        #expect(throws: EvaluationError.malformedLine(file: path, line: 1, reason: "column 28: not UTF-8 text")) {
            try DataSet(contentsOfFile: path)
        }
        #expect(throws: EvaluationError.file(directory.file("none"), reason: "no such file")) {
            try DataSet(contentsOfFile: directory.file("none"))
        }
    }

    @Test("Sizes are bounded: a line, the data sets and the samples of a file")
    func limits() throws {
        let path = directory.file("large.jsonl")
        func expectRefusal(_ line: Int, _ reason: String, _ text: String) {
            #expect(throws: EvaluationError.malformedLine(file: path, line: line, reason: reason)) {
                try read(text, name: "large.jsonl")
            }
        }
        let long = String(repeating: "x", count: 1 << 26)
        expectRefusal(
            1, "has more than 67108864 bytes", #"{"input": ""# + long + #"", "context": "", "answers": ["a"]}"#)
        let names = (0...1000).map { #"{"input": "q", "context": "", "answers": ["a"], "dataset": "\#($0)"}"# }
        expectRefusal(1001, "is of yet another data set; a file may have 1000", names.joined(separator: "\n"))
        let count = 500_001
        let list = "[" + repeatElement(#""a""#, count: count).joined(separator: ",") + "]"
        let line = #"{"input": "c", "instructions": \#(list), "outputs": \#(list)}"#
        expectRefusal(2, "is one too many; a file may have 1000000 samples", line + "\n" + line)
        // Nesting can't exhaust the stack.
        #expect(throws: EvaluationError.self) { try read(#"{"x": "# + String(repeating: "[", count: 100_000)) }
    }

    @Test("A damaged file is an error or is read, and nothing worse")
    func damagedFiles() throws {
        let good = Array(
            (#"{"input": "q", "context": "c\u00e9", "answers": ["a", "b"], "length": 3, "dataset": "x"}"# + "\n"
                + #"{"input": "c", "instructions": ["p", "q"], "outputs": ["a", "b"], "evaluation": "f1"}"# + "\n").utf8
        )
        var generator = SeededGenerator(seed: 5)
        let path = directory.file("damaged.jsonl")
        var readCount = 0
        for _ in 0..<2000 {
            var bytes = good
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[place] = .random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: place)
                default: bytes.insert(bytes.randomElement(using: &generator) ?? 0, at: place)
                }
            }
            try Data(bytes).write(to: URL(filePath: path))
            do throws(EvaluationError) {
                let samples = try DataSet(contentsOfFile: path).samples
                #expect(samples.allSatisfy { !$0.answers.isEmpty && !$0.answers.contains("") })
                readCount += 1
            } catch {
                switch error {
                case .malformedLine(path, _, _), .file(path, _): break
                default: Issue.record("\(error)")
                }
            }
        }
        // Both happen: a changed letter of a text does no harm, and a changed bracket does.
        #expect((1..<2000).contains(readCount))
    }
}
