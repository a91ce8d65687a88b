import Constraints
import TestSupport
import Testing

@Suite struct RegularExpressionTests {
    /// Every text of three characters, against Swift's own regular expressions.
    @Test(arguments: [
        "a", "ab|c", "a*", "(ab)+", "a?b?c?", "[ab]{2,3}", "[^a]*", "(a|b)*c", "a{2}", "a{2,}b", "(a|ab)(c|bc)",
        "(a*)*", "",
        "^ab$", "^a|b$", "(?:a|b)c{0,2}", "a.c", "(?<x>a)b", "a+?b*?", "((a|b){2}|c)*", "(|a)b", "\\w\\w", "[a-b]c",
    ])
    func againstSwift(pattern: String) throws {
        let constraint = try Constraint.regularExpression(pattern)
        // Swift's anchors would make an alternative of "^a|b$" match in the middle.
        let regex = try Regex(pattern)
        for text in allTexts(["a", "b", "c"], upTo: 5) {
            #expect(constraint.accepts(text) == (text.wholeMatch(of: regex) != nil), "\(pattern) and \(text)")
        }
    }

    /// The same for random expressions.
    @Test func randomAgainstSwift() throws {
        var random = SeededGenerator(seed: 1)
        func expression(_ depth: Int) -> String {
            let atom: String
            switch Int.random(in: 0..<(depth > 0 ? 8 : 4), using: &random) {
            case 0: atom = "a"
            case 1: atom = "b"
            case 2: atom = "[ab]"
            case 3: atom = "[^b]"
            case 4, 5: atom = "(" + expression(depth - 1) + ")"
            case 6: return expression(depth - 1) + expression(depth - 1)
            default: return "(" + expression(depth - 1) + "|" + expression(depth - 1) + ")"
            }
            return atom + (["", "", "*", "+", "?", "{2}", "{0,2}", "{1,}"].randomElement(using: &random) ?? "")
        }
        let texts = allTexts(["a", "b"], upTo: 6)
        for _ in 0..<constraintCount {
            let pattern = expression(3)
            let constraint = try Constraint.regularExpression(pattern)
            let regex = try Regex(pattern)
            for text in texts where constraint.accepts(text) != (text.wholeMatch(of: regex) != nil) {
                Issue.record("\(pattern) and \(text)")
            }
        }
    }

    @Test(arguments: [
        (#"\d+"#, ["0", "42"], ["", "a", "٣"]), (#"\D"#, ["a", "é", "🙂"], ["1", "ab"]),
        (#"\w+"#, ["aZ_9"], ["é", "-"]), (#"\W"#, ["é", " "], ["a", "_"]),
        (#"\s"#, [" ", "\u{A0}", "\u{2028}", "\n"], ["a"]), (#"\S"#, ["a", "中"], [" ", "\u{3000}"]),
        (".", ["a", "é", "中", "🙂", "\u{0}"], ["", "\n", "\r", "\u{2028}", "ab"]),
        (#"\x41\u00e9\u{1F642}\ud83d\ude42"#, ["Aé🙂🙂"], ["Aé🙂"]), (#"[\u0430-\u044f]+"#, ["привет"], ["hello", "ё"]),
        (#"\.\*\$\^\/\-\{"#, [".*$^/-{"], ["a"]), (#"[\]\\a-]"#, ["]", "\\", "a", "-"], ["b", "["]),
        (#"[^\d\n]"#, ["a", "\r"], ["1", "\n"]), (#"\t\r\v\f\0\cA"#, ["\t\r\u{0B}\u{0C}\u{0}\u{1}"], ["t"]),
        ("[é-ü]", ["é", "ü", "ö"], ["e", "\u{E8}"]), ("[^]", ["a", "\n"], [""]), ("(a{0}b){2}", ["bb"], ["b", "abab"]),
    ])
    func classesAndEscapes(pattern: String, matching: [String], others: [String]) throws {
        let constraint = try Constraint.regularExpression(pattern)
        for text in matching { #expect(constraint.accepts(text), "\(pattern) and \(text)") }
        for text in others { #expect(!constraint.accepts(text), "\(pattern) and \(text)") }
    }

    @Test(arguments: [
        ("a(?=b)", "look-ahead"), ("a(?!b)", "negative look-ahead"), ("(?<=a)b", "look-behind"),
        ("(?<!a)b", "negative look-behind"), ("(?>a)", "an atomic group"), ("(?i)a", "a group's flags"),
        ("(?P<x>a)", "Python's kind of named group"), (#"(a)\1"#, #"the back reference \1"#),
        (#"(?<x>a)\k<x>"#, #"the back reference \k"#), (#"\bword"#, #"the word boundary \b"#),
        (#"\p{L}"#, #"the Unicode property \p"#), (#"\012"#, "an octal escape"), (#"\a"#, #"the escape \a"#),
        ("a^b", "the anchor ^ inside of a pattern"), ("(a$)", "the anchor $ inside of a pattern"),
    ])
    func unsupported(pattern: String, feature: String) {
        guard
            case .unsupported(feature, at: let place) = constraintError({ () throws(ConstraintError) in
                try .regularExpression(pattern)
            })
        else {
            Issue.record("\(pattern) isn't refused for \(feature)")
            return
        }
        #expect(place.hasPrefix("character "))
    }

    @Test(arguments: [
        "(", ")", "a)", "[a", "*", "+a", "a**", "a{2}{3}", "a{3,2}", "a{", "a{x}", "{2}", "]", "}", "[b-a]", #"[\d-z]"#,
        "\\", #"\x4"#, #"\u12"#, #"\u{110000}"#, #"\ud800"#, "(?<na me>a)", "(?<x", "a???",
    ])
    func malformed(pattern: String) {
        guard case .malformed = constraintError({ () throws(ConstraintError) in try .regularExpression(pattern) })
        else {
            Issue.record("\(pattern) isn't refused as malformed")
            return
        }
    }

    @Test func limits() {
        func error(_ pattern: String) -> ConstraintError? {
            constraintError { () throws(ConstraintError) in try .regularExpression(pattern) }
        }
        #expect(error("[]") == .unsatisfiable(at: ""))
        #expect(error("a[]|b[]") == .unsatisfiable(at: ""))
        #expect(error("a{600000}") == .tooLarge(limit: 1 << 19))
        #expect(error("(a{7000}b{7000}){9}") == nil)
        #expect(error("(ab){300000}") == .tooLarge(limit: 1 << 19))
        #expect(error(String(repeating: "a", count: 70_000)) == .tooLarge(limit: 1 << 16))
        let deep = String(repeating: "(", count: 5_000) + "a" + String(repeating: ")", count: 5_000)
        guard case .malformed = error(deep) else {
            Issue.record("deep groups aren't refused")
            return
        }
    }
}
