import Foundation
import LongLMEvaluation
import TestSupport
import Testing

@Suite("Scores of tasks")
struct TaskScoreTests {
    /// Scored by hand.
    @Test(arguments: [
        (TaskMetric.containsAll, "ABCDE, fghij", ["ABCDE", "FGHIJ", "KLMNO", "PQRST"], 0.5),
        (.containsAll, "ABCDE", ["ABCDE"], 1), (.containsAny, "It is 42.", ["41", "42"], 1),
        (.containsAny, "It is 43.", ["41", "42"], 0),
        // Two of three words of the answer, two of two of the reference: 2 · ⅔ · 1 / (⅔ + 1).
        (.f1, "The big brown owl!", ["a brown owl"], 0.8),
        // b and d in order: two of three and two of four.
        (.rougeL, "b x d", ["a b c d"], 4.0 / 7), (.f1, "anything", [], 0),
    ])
    func byHand(metric: TaskMetric, answer: String, references: [String], expected: Double) {
        // The last bit of a quotient.
        #expect(abs(metric.score(answer, references: references) - expected) < 1e-15)
    }

    private struct Case: Decodable {
        let answer: String
        let references: [String]
        let scores: [String: Double]
    }

    /// What `Fixtures/make_task_scores.py` makes of RULER's and LongBench's rules.
    @Test func asRestatedInPython() throws {
        let cases = try JSONDecoder().decode([Case].self, from: try contents(Fixtures.path("tasks/scores.json")))
        #expect(cases.count == 21)
        for item in cases {
            for metric in TaskMetric.allCases {
                let expected = try #require(item.scores[metric.rawValue])
                let score = metric.score(item.answer, references: item.references)
                // Python's 2PR/(P + R) rounds more often than 2c/(m + n).
                #expect(abs(score - expected) < 1e-15, "\(metric.rawValue) of \(item.answer)")
            }
        }
    }
}
