import Constraints
import TestSupport
import Testing

/// Grammars in GBNF.
@Suite struct GrammarTests {
    @Test(arguments: [
        (#"root ::= "yes" | "no""#, ["yes", "no"], ["", "yesno"]),
        (
            "# arithmetic\nroot ::= term ([-+*] term)* # sums\nterm ::= [0-9]+ | \"(\" root \")\"\n",
            ["1", "1+(2*3)-4", "((7))"], ["", "1+", "(1", "1)"]
        ),
        ("root ::=\n  \"a\"\n", ["a"], []), ("root ::= \"a\" |\n \"b\"\n | \"c\"", ["a", "b", "c"], ["ab"]),
        ("root ::= (\n\"a\"\n\n\"b\")?", ["", "ab"], ["a"]),
        (#"root ::= "\x41\u00e9\U0001F642\n\t\\\"\[\]""#, ["Aé🙂\n\t\\\"[]"], ["A"]),
        (#"root ::= [^"\\\x00-\x1f] ."#, ["ab", "é🙂"], ["\"a", "\\a", "a"]), ("root ::= [a-c-]", ["-", "b"], ["d"]),
        ("root ::= \"a\"{2} \"b\"{1,} \"c\"{,2} \"d\"{0,1}", ["aab", "aabbccd"], ["ab", "aa", "aabccc"]),
        ("root ::= | \"a\" root", ["", "aaa"], ["b"]),
        ("root ::= \"a\" root \"b\" | \"\"", ["", "aabb"], ["aab", "abb"]),
        ("root ::= a-1 b_2\na-1 ::= \"x\"\nb_2 ::= \"y\"+", ["xy", "xyyy"], ["x"]),
        ("root ::= (\"a\"?)*", ["", "aa"], ["b"]),
        ("root ::= \"a\" * ( \"b\"\n ) + \"c\" {2}", ["bcc", "aabbcc"], ["acc", "abc"]),
    ])
    func texts(grammar: String, accepted: [String], refused: [String]) throws {
        let constraint = try Constraint.grammar(grammar)
        for text in accepted { #expect(constraint.accepts(text), "\(text) for \(grammar)") }
        for text in refused { #expect(!constraint.accepts(text), "\(text) for \(grammar)") }
    }

    /// Nested brackets of two kinds, against a stack.
    @Test func brackets() throws {
        let constraint = try Constraint.grammar(#"root ::= ("(" root ")" | "[" root "]")*"#)
        for text in allTexts(["(", ")", "[", "]"], upTo: 6) {
            var stack: [Character] = []
            var isBalanced = true
            for character in text {
                switch character {
                case "(": stack.append(")")
                case "[": stack.append("]")
                default: isBalanced = isBalanced && stack.popLast() == character
                }
            }
            #expect(constraint.accepts(text) == (isBalanced && stack.isEmpty), "\(text)")
        }
        let deep = String(repeating: "([", count: 20_000) + String(repeating: "])", count: 20_000)
        #expect(constraint.accepts(deep) && !constraint.accepts(deep + ")"))
    }

    /// A grammar that reads a text in more ways than are followed: no text gets stuck, and each is right.
    @Test func ambiguous() throws {
        let constraint = try Constraint.grammar(#"root ::= "a" root "b" | "a" root "c" | "a" root "d" | "x""#)
        var random = SeededGenerator(seed: 8)
        for _ in 0..<5 {
            guard case .ended(let text) = try constraint.randomText(patience: 60, limit: 300, random: &random) else {
                Issue.record("no text ends")
                continue
            }
            let parts = text.split(separator: "x", omittingEmptySubsequences: false)
            #expect(parts.count == 2 && parts[0].count == parts[1].count && parts[0].allSatisfy { $0 == "a" })
        }
    }

    /// Grammars and expressions that have more readings of the empty text than there is memory for.
    @Test func readingsWithoutNumber() throws {
        var grammar = "root ::= r1 \"a\" | r1 \"b\"\n"
        for rule in 1..<40 { grammar += "r\(rule) ::= r\(rule + 1) \"a\" | r\(rule + 1) \"b\"\n" }
        grammar += "r40 ::= \"x\"\n"
        let repeated = "((((abcdefghij)?){1000}){1000}){1000}"
        for constraint in [try Constraint.grammar(grammar), try .regularExpression(repeated)] {
            var random = SeededGenerator(seed: 3)
            guard case .ended(let text) = try constraint.randomText(patience: 60, limit: 300, random: &random) else {
                Issue.record("no text ends")
                continue
            }
            #expect(text.isEmpty || text.hasPrefix("x") || text.hasPrefix("abcdefghij"))
        }
    }

    @Test(arguments: [
        ("", "line 1, column 1 of the grammar"), ("a ::= \"b\"", "line 1, column 10 of the grammar"),
        ("root ::= x", "line 1, column 10 of the grammar"),
        ("root ::= \"a\"\nroot ::= \"b\"", "line 2, column 1 of the grammar"),
        ("root = \"a\"", "line 1, column 6 of the grammar"), ("root ::= \"a", "line 1, column 10 of the grammar"),
        ("root ::= [a", "line 1, column 10 of the grammar"), ("root ::= (\"a\"", "line 1, column 10 of the grammar"),
        ("root ::= \"a\" )", "line 1, column 14 of the grammar"),
        ("root ::= [b-a]", "line 1, column 14 of the grammar"),
        (#"root ::= "\q""#, "line 1, column 13 of the grammar"),
        (#"root ::= "\x4""#, "line 1, column 14 of the grammar"),
        (#"root ::= "\ud800""#, "line 1, column 17 of the grammar"),
        ("root ::= \"a\"{2,1}", "line 1, column 17 of the grammar"),
        ("root ::= \"a\"{x}", "line 1, column 14 of the grammar"),
        ("root ::= \"a\"{,}", "line 1, column 15 of the grammar"),
        ("root ::= *", "line 1, column 10 of the grammar"), ("root", "line 1, column 5 of the grammar"),
    ])
    func malformed(grammar: String, place: String) {
        let error = constraintError { () throws(ConstraintError) in try .grammar(grammar) }
        guard case .malformed(at: place, reason: _) = error else {
            Issue.record("\(grammar) gives \(String(describing: error))")
            return
        }
    }

    @Test func refused() {
        func error(_ grammar: String) -> ConstraintError? {
            constraintError { () throws(ConstraintError) in try .grammar(grammar) }
        }
        #expect(error("root ::= root \"a\" | \"b\"") == .unsupported("left recursion", at: "the rule root"))
        #expect(
            error("root ::= \"x\" a\na ::= \"\" b \"c\" | \"d\"\nb ::= \"e\"? a")
                == .unsupported("left recursion", at: "the rule a"))
        #expect(
            error("root ::= <think>") == .unsupported("a token in a grammar", at: "line 1, column 10 of the grammar"))
        #expect(error("root ::= \"a\" root") == .unsatisfiable(at: ""))
        #expect(error("root ::= \"a\"{99999999}") == .tooLarge(limit: 1 << 19))
        let empty = String(repeating: " \"\"{524288}", count: 90_000)
        #expect(error("root ::= \"a\"" + empty) == .tooLarge(limit: 1 << 24))
        let deep = "root ::= " + String(repeating: "(", count: 9_000)
        guard case .malformed = error(deep) else {
            Issue.record("deep groups aren't refused")
            return
        }
    }
}
