import LongLM
import LongLMEvaluation
import Testing
import Tokenization

@Suite("Texts of errors")
struct ErrorTextTests {
    /// The command prints them, so each says what the error inside of it says.
    @Test("An evaluation's error says what the one inside of it says")
    func texts() {
        let tokenizer = TokenizerError.unknownTokenID(id: 63, vocabularySize: 60)
        let texts: [(EvaluationError, String)] = [
            (.session(.cancelled(position: 9)), "cancelled after 9 tokens"),
            (.generation(.session(.noTokens)), "there are no tokens to process"),
            (
                .generation(.sessionChanged),
                "the session has been used for something else since; this text can't go on"
            ),
            (.generation(.tokenizer(tokenizer)), tokenizer.description),
            (.tokenizer(tokenizer), tokenizer.description),
        ]
        for (error, text) in texts { #expect("\(error)" == text) }
    }
}
