import Foundation
import TestSupport
import Testing

/// `generate` under constraints, on the small model that was trained to find pass keys.
@Suite struct ConstraintTests {
    private struct Generated: Decodable {
        let text: String
        let stopReason: String
    }

    private func run(_ arguments: [String]) throws -> Run {
        try longlm(
            [
                "generate", "--model", Fixtures.path("passkey-tiny"), "--prompt", "the garden is green and the ",
                "--json",
            ]
                + arguments)
    }

    private func generate(_ arguments: [String]) throws -> Generated {
        let run = try run(arguments)
        #expect(run.status == 0, Comment(rawValue: run.errors))
        return try run.json(Generated.self)
    }

    @Test func choicesAndPatterns() throws {
        let choice = try generate(["--choices", "grass", "--choices", "sky"])
        #expect(["grass", "sky"].contains(choice.text) && choice.stopReason == "constraint")
        let match = try generate(["--regex", "[a-c]{3}-[0-9]{2}"])
        #expect(match.text.wholeMatch(of: /[a-c]{3}-[0-9]{2}/) != nil && match.stopReason == "constraint")
    }

    @Test func files() throws {
        let directory = try TemporaryDirectory()
        let grammar = try directory.write("root ::= word \" \" word\nword ::= [a-z]{2}\n", to: "words.gbnf")
        #expect(try generate(["--grammar", grammar]).text.wholeMatch(of: /[a-z]{2} [a-z]{2}/) != nil)
        let broken = try directory.write("root ::= (", to: "broken.gbnf")
        let refused = try run(["--grammar", broken])
        #expect(refused.status == 1 && refused.errors.contains("broken.gbnf: line 1, column 10 of the grammar"))
        let schema = try directory.write(#"{"not":{}}"#, to: "schema.json")
        let unsupported = try run(["--json-schema", schema])
        #expect(unsupported.status == 1 && unsupported.errors.contains("not is not supported (at #/not)"))
        // The characters of this model have no braces.
        let object = try directory.write(#"{"type":"object"}"#, to: "object.json")
        let unspellable = try run(["--json-schema", object])
        #expect(unspellable.status == 1 && unspellable.errors.contains("which the tokenizer has no token for"))
        let number = try directory.write(#"{"type":"integer","minimum":10,"maximum":99}"#, to: "number.json")
        let text = try generate(["--json-schema", number, "--json-whitespace", "compact"]).text
        #expect(Int(text).map { 10...99 ~= $0 } == true, "\(text)")
    }

    @Test func usage() throws {
        #expect(try run(["--regex", "a", "--choices", "b"]).status == 2)
        #expect(try run(["--json-whitespace", "compact"]).status == 2)
        let pattern = try run(["--regex", "(a"])
        #expect(pattern.status == 2 && pattern.errors.contains("character 1 of the pattern: a ( without its )"))
        #expect(try run(["--json-schema", "/nowhere.json"]).status == 1)
    }
}
