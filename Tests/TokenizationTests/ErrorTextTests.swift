import Testing
import Tokenization

/// What a person reads of an error.
@Suite struct ErrorTextTests {
    /// One error of each case that holds text, each text followed by what steers a terminal.
    private static let errors: [TokenizerError] = {
        let (file, name) = ("f" + hostile, "n" + hostile)
        return [
            .unreadableFile(file: file, reason: name), .invalidUTF8(file: file),
            .invalidJSON(file: file, line: 1, column: 2, reason: name), .missingKey(file: file, key: name),
            .duplicateKey(file: file, key: name), .invalidValue(file: file, key: name, expected: name),
            .unsupportedModel(file: file, type: name), .unsupportedModelOption(file: file, option: name),
            .unsupportedOption(file: file, key: name), .unsupportedNormalizer(file: file, type: name),
            .unsupportedPreTokenizer(file: file, type: name),
            .unknownPreTokenizer(file: file, name: name, known: ["default"]),
            .unsupportedPattern(file: file, pattern: name), .unsupportedPostProcessor(file: file, type: name),
            .unsupportedDecoder(file: file, type: name), .unsupportedChatTemplate(file: file, line: 1, reason: name),
            .failedChatTemplate(file: file, line: 1, reason: name), .inexpressible(file: file, part: name),
            .duplicateTokenID(file: file, id: 1, first: name, second: name), .duplicateToken(file: file, token: name),
            .tokenIDOutOfRange(file: file, token: name, id: 1),
            .excessiveComponent(file: file, component: "decoder", reason: name),
            .emptyAddedToken(file: file, id: 1), .malformedMerge(file: file, index: 1),
            .unknownMergeToken(file: file, index: 1, token: name), .missingUnknownToken(file: file, token: name),
            .duplicateMerge(file: file, index: 1), .missingByteToken(file: file, token: name),
            .unknownTemplateToken(file: file, id: 1), .unsupportedChat(reason: name), .missingControlToken(token: name),
            .forgedControlToken(token: name),
        ]
    }()

    /// What ends a line, clears a terminal, is taken for the start of a control sequence or turns the text around.
    private static let hostile = "\n\r\u{1b}\0\u{7f}\u{9b}\u{85}\u{2028}\u{2029}\u{202e}\u{feff}"
    private static let escaped = #"\n\r\u{1B}\0\u{7F}\u{009B}\u{0085}\u{2028}\u{2029}\u{202E}\u{FEFF}"#

    @Test func everyForeignTextIsEscaped() {
        for error in Self.errors {
            let text = error.description
            #expect(text.contains(Self.escaped), "\(text)")
            #expect(Set(text.unicodeScalars).isDisjoint(with: Self.hostile.unicodeScalars), "\(text)")
        }
    }

    /// Compared by scalars: `==` on strings takes canonically equivalent ones for equal.
    @Test func otherCharactersStay() {
        let name = "Ġé e\u{301} \u{1f600} \"\\n\""
        let text = TokenizerError.missingControlToken(token: name).description
        #expect(scalars(text) == scalars("the chat needs control token \(name), which the tokenizer lacks"))
    }

    @Test func namesFromAFile() {
        let json = tokenizerJSON(decoder: #"{"type":"Byte\n\u001b[31mLevel"}"#)
        #expect {
            try load(json)
        } throws: { error in
            "\(error)".contains(#"decoder Byte\n\u{1B}[31mLevel is not supported"#)
        }
    }

    @Test func longTexts() {
        let rest = TokenizerError.invalidUTF8(file: "").description
        let text = { (count: Int) in
            TokenizerError.invalidUTF8(file: String(repeating: "é", count: count - rest.count)).description
        }
        #expect(text(2_000).unicodeScalars.count == 2_000 && text(2_000).hasSuffix(rest))
        #expect(text(2_001) == text(2_000).replacing(rest, with: "é" + rest.dropLast()) + "…")
        #expect(text(100_000) == String(repeating: "é", count: 2_000) + "…")
    }
}
