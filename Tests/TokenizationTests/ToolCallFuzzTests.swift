import Foundation
import TestSupport
import Testing
import Tokenization

/// Random and mutated answers: no text is ever lost, and how they are cut changes nothing.
@Suite struct ToolCallFuzzTests {
    private static let count = ProcessInfo.processInfo.environment["LONGLM_FUZZ_COUNT"].flatMap { Int($0) } ?? 300

    /// What random answers consist of.
    private static let words = [
        "<tool_call>", "</tool_call>", "<|python_tag|>", "[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<tool", "{", "}", "[",
        "]",
        "\"", "\\", ":", ",", "{\"name\": \"f\", \"arguments\": {}}", "{\"name\": \"f\", \"parameters\": {}}",
        "\"name\"",
        "\"f\"", "f", " ", "\n", ";", "0", "-1.5e3", "true", "null", "é", "｜", "東", "<｜tool▁calls▁begin｜>",
        "<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "<function=", ">", "</function>", "<TOOLCALL>",
        "</TOOLCALL>", "functions.", "<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>",
        "<think>", "</think>", "[THINK]", "[/THINK]",
    ]

    private static func randomAnswer(_ generator: inout SeededGenerator) -> String {
        (0..<Int.random(in: 0...25, using: &generator)).map { _ in words.randomElement(using: &generator) ?? "" }
            .joined()
    }

    /// An answer with some characters taken out, doubled or replaced.
    private static func mutated(_ answer: String, _ generator: inout SeededGenerator) -> String {
        var scalars = Array(answer.unicodeScalars)
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !scalars.isEmpty {
            let index = Int.random(in: 0..<scalars.count, using: &generator)
            switch Int.random(in: 0..<4, using: &generator) {
            case 0: scalars.remove(at: index)
            case 1: scalars.insert(scalars[index], at: index)
            case 2: scalars.insert(contentsOf: (words.randomElement(using: &generator) ?? "").unicodeScalars, at: index)
            default: scalars[index] = Unicode.Scalar(UInt8.random(in: 0..<128, using: &generator))
            }
        }
        return String(String.UnicodeScalarView(scalars))
    }

    private static func events(_ pieces: [String], _ form: ToolCallForm) -> [ToolCallParser.Event] {
        var parser = ToolCallParser(form: form)
        return pieces.flatMap { parser.append($0) } + parser.finish()
    }

    /// The same events with neighbouring texts joined.
    private static func joined(_ events: [ToolCallParser.Event]) -> [ToolCallParser.Event] {
        var result: [ToolCallParser.Event] = []
        for event in events {
            if case .text(let text) = event, case .text(let before)? = result.last {
                result[result.count - 1] = .text(before + text)
            } else {
                result.append(event)
            }
        }
        return result
    }

    @Test func randomAnswers() throws {
        var generator = SeededGenerator(seed: 7)
        var callCount = 0
        for round in 0..<Self.count {
            for form in ToolCallForm.all {
                let known = ToolCallParserTests.answers.filter { $0.form == form }.map(\.answer)
                let answer =
                    round.isMultiple(of: 2)
                    ? Self.randomAnswer(&generator)
                    : Self.mutated(known.randomElement(using: &generator) ?? "", &generator)
                let whole = Self.joined(Self.events([answer], form))
                let source = whole.map { event in
                    switch event {
                    case .text(let text): text
                    case .calls(_, let source): source
                    }
                }.joined()
                #expect(scalars(source) == scalars(answer), "\(form.name): \(answer.debugDescription)")
                let single = answer.unicodeScalars.map { String($0) }
                #expect(Self.joined(Self.events(single, form)) == whole, "\(form.name): \(answer.debugDescription)")
                for case .calls(let calls, _) in whole {
                    callCount += calls.count
                    for call in calls {
                        let arguments = try TemplateValue(json: Array(call.arguments.utf8), name: "arguments")
                        guard case .object = arguments, !call.name.isEmpty else {
                            Issue.record("\(form.name): \(call)")
                            continue
                        }
                    }
                }
            }
        }
        #expect(callCount > Self.count / 4, "\(callCount)")
    }

    /// The time is linear in an answer's length, whatever it is made of: answers of four times the length take about four
    /// times as long, not sixteen.
    @Test(arguments: [
        "<tool_call>{\"a", "<tool_call>{\"name\": \"", "<", "<tool_call>", "<tool_call>{\"name\": \"f\"}</tool_call",
        "<tool_call>[", "<tool_call>{\"name\": {\"a\": ",
        "<tool_call>{\"name\": \"f\", \"arguments\": {}}</tool_call>", " ", "é", "<thi",
    ])
    func timeIsLinear(unit: String) {
        func time(_ length: Int) -> Duration {
            let answer = String(repeating: unit, count: length / unit.utf8.count)
            return (0..<3).map { _ in
                ContinuousClock().measure { _ = ToolCallParser.parse(answer, form: .hermes) }
            }.min() ?? .zero
        }
        let (short, long) = (time(10_000), time(160_000))
        // Other work on the machine may take its part.
        #expect(long < short * 100 + .milliseconds(50), "\(unit): \(short), \(long)")
    }
}
