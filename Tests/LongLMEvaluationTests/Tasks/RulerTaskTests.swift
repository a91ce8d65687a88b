import Foundation
import LongLM
import LongLMEvaluation
import TestSupport
import Testing

@Suite("RULER's tasks")
struct RulerTaskTests {
    private let form: TaskForm
    private let hay: TaskHay

    init() throws {
        form = TaskForm(tokenizer: try byteTokenizer())
        let text = String(decoding: try contents(Fixtures.path("haystack/alice.txt")), as: UTF8.self)
        hay = try TaskHay(text, name: "alice.txt")
    }

    private func sample(
        _ task: RulerTask, length: Int = 12_000, number: Int = 0, seed: UInt64 = 7
    ) throws -> (sample: TaskSample, tokens: [Int]) {
        try task.sample(length: length, number: number, seed: seed, hay: hay, form: form)
    }

    private func occurrences(of part: String, in text: String) -> Int { text.components(separatedBy: part).count - 1 }

    /// The bytes are pinned: a seed names the same prompts in every release and on every machine.
    @Test func sameSeedSameBytes() throws {
        var hash = LogitHash()
        for task in RulerTask.allCases {
            let (sample, tokens) = try sample(task)
            let again = try self.sample(task)
            #expect(again.sample == sample && again.tokens == tokens)
            #expect(try self.sample(task, number: 1).sample != sample)
            #expect(try self.sample(task, seed: 8).sample != sample)
            hash.add(tokens.map { Float($0) })
            hash.add(sample.references.joined(separator: " ").utf8.map { Float($0) })
        }
        #expect(hash.finish() == "0b5336979072490157264b039bf4f621fdefebb0844cf7fb5475a5ddcfe65177")
    }

    /// As much text as fits, in bytes, which are the tokens here. The longest unit is a line with two UUIDs.
    @Test(arguments: RulerTask.allCases) func lengths(task: RulerTask) throws {
        for length in [9_000, 16_000] {
            for number in 0..<2 {
                let (_, tokens) = try sample(task, length: length, number: number)
                let room = length - task.answerTokenLimit - tokens.count
                #expect(room >= 0)
                #expect(room < 140, "\(task.rawValue): \(room)")
            }
        }
        for length in [task.answerTokenLimit + 20, 0, -1, .min, .max] {
            #expect(throws: EvaluationError.self) { try sample(task, length: length) }
        }
        #expect(throws: EvaluationError.self) { try sample(task, number: -1) }
    }

    @Test(arguments: RulerTask.allCases.filter { $0.rawValue.hasPrefix("niah") })
    func everyNeedleIsThereOnce(task: RulerTask) throws {
        for number in 0..<4 {
            let (sample, _) = try sample(task, number: number)
            let isMultiple = [.multipleValues, .multipleQueries].contains(task)
            #expect(
                sample.references.count == (isMultiple ? 4 : 1)
                    && Set(sample.references).count == sample.references.count)
            for reference in sample.references {
                #expect(occurrences(of: " is: \(reference).", in: sample.prompt) == 1)
                #expect(occurrences(of: reference, in: sample.prompt) == 1)
            }
            let needles = sample.prompt.matches(of: #/One of the special magic (numbers|uuids) for ([a-z0-9-]+) is: /#)
            switch task {
            case .multipleKeys2, .multipleKeys3: #expect(needles.count > 50)
            case .multipleKeys1, .multipleValues, .multipleQueries: #expect(needles.count == 4)
            default: #expect(needles.count == 1)
            }
            // What is asked for is what the needle with the answer is about.
            let question = try #require(sample.prompt.split(separator: "\n").last)
            for reference in sample.references {
                let needle = try #require(
                    sample.prompt.firstRange(of: " is: \(reference).").map { sample.prompt[..<$0.lowerBound] })
                let key = try #require(needle.split(separator: " ").last)
                #expect(question.contains(key) && sample.answerPrefix.contains(key))
            }
        }
    }

    @Test func variablesAreAChain() throws {
        let (sample, _) = try sample(.variableTracking)
        let value = try #require(sample.prompt.matches(of: /assigned the value (\d{5})/).last?.output.1)
        let lines = sample.prompt.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        var names: [String] = []
        var source = String(value)
        while let line = lines.first(where: { $0.hasPrefix("VAR ") && $0.hasSuffix(" = \(source)") }) {
            let name = try #require(line.split(separator: " ").dropFirst().first)
            names.append(String(name))
            source = "VAR \(name)"
        }
        #expect(names == sample.references && names.count == 5)
    }

    @Test func commonWordsAreTheMostCommon() throws {
        for length in [3_000, 12_000] {
            let (sample, _) = try sample(.commonWords, length: length)
            let list = try #require(sample.prompt.components(separatedBy: "Memorize the ones").last)
            let words = list.matches(of: /\d+\. ([a-z]+)/).map { String($0.output.1) }
            let counts = Dictionary(words.map { ($0, 1) }, uniquingKeysWith: +)
            let common = counts.filter { $0.value == (length < 4_096 ? 6 : 30) }
            #expect(Set(common.keys) == Set(sample.references) && common.count == 10)
            #expect(counts.values.count { $0 == (length < 4_096 ? 1 : 3) } == counts.count - 10)
        }
    }

    @Test func frequentWordsAreTheMostFrequent() throws {
        for length in [1_000, 12_000] {
            let (sample, _) = try sample(.frequentWords, length: length)
            let line = try #require(sample.prompt.split(separator: "\n").first)
            let text = try #require(line.components(separatedBy: "coded words. ").last).split(separator: " ")
            var counts: [Substring: Int] = [:]
            for word in text where word != "..." { counts[word, default: 0] += 1 }
            let order = counts.sorted { $0.value > $1.value }
            #expect(order.prefix(3).map { String($0.key) } == sample.references)
            #expect(order[2].value > order[3].value)
        }
    }

    @Test func aTextWithoutWords() {
        #expect(
            throws: EvaluationError.file("empty.txt", reason: "holds no words; there must be text to hide sentences in")
        ) { try TaskHay(" \n", name: "empty.txt") }
    }
}
