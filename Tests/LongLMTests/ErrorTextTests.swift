import LongLM
import Testing
import Tokenization

/// What errors say to a person. An error of a higher floor says what the one inside of it says.
@Suite struct ErrorTextTests {
    private let option = InvalidOption("temperature", -1.5 as Float, allowed: "finite and more than 0")
    private let optionText = "the temperature is -1.5; it must be finite and more than 0"

    @Test func options() {
        #expect(option.description == optionText)
        #expect(option.name == "temperature" && option.value == "-1.5" && option.allowed == "finite and more than 0")
        #expect(
            "\(InvalidOption("number of threads", 0, allowed: "between 1 and 1024"))"
                == "the number of threads is 0; it must be between 1 and 1024")
        #expect("\(ModelError.invalidOption(option))" == optionText)
    }

    @Test func attention() {
        #expect("\(AttentionError.invalidOption(option))" == optionText)
        let error = AttentionError.noGroupSize(length: 500, trainedContext: 64, longestLength: 442)
        let text =
            "no group size extends a model trained for 64 tokens to 500; LongLM's rule, 2/3 · L > W + (N − W)/G, "
            + "reaches 442"
        #expect("\(error)" == text && "\(SessionError.attention(error))" == text)
    }

    @Test(
        arguments: [
            (.otherModel, "the session is one of another model"),
            (.otherOptions, "the session has other options than the prompt cache that is to keep it"),
            (.repeated, "a session stands in a batch twice"),
        ] as [(SessionMismatch, String)])
    func mismatches(mismatch: SessionMismatch, text: String) {
        #expect("\(mismatch)" == text && "\(SessionError.mismatch(mismatch))" == text)
    }

    @Test func sessions() {
        let texts: [(SessionError, String)] = [
            (.capacityExceeded(needed: 65, capacity: 64), "65 tokens don't fit into a session of 64"),
            (.tokenOutOfRange(id: 67, vocabularySize: 67), "token 67 is not in the vocabulary of 67"),
            (.noTokens, "there are no tokens to process"),
            (.busy, "the session is at work"),
            (
                .cannotTruncate(to: 5, earliest: 20),
                "5 tokens can't be kept: the neighbor keys before them are gone; truncate to 20 or more, or to 0 and "
                    + "prefill again"
            ),
            (.invalidOption(option), optionText),
            (.cancelled(position: 9), "cancelled after 9 tokens"),
        ]
        for (error, text) in texts {
            #expect("\(error)" == text && "\(GenerationError.session(error))" == text)
        }
    }

    @Test func generations() {
        let tokenizer = TokenizerError.unknownTokenID(id: 63, vocabularySize: 60)
        let texts: [(GenerationError, String)] = [
            (.tokenizer(tokenizer), tokenizer.description),
            (.sessionChanged, "the session has been used for something else since; this text can't go on"),
            (.invalidOption(option), optionText),
        ]
        for (error, text) in texts { #expect("\(error)" == text) }
        #expect(GenerationError.session(.cancelled(position: 9)).isCancellation)
        for error in texts.map(\.0) + [.session(.noTokens)] { #expect(!error.isCancellation) }
    }
}
