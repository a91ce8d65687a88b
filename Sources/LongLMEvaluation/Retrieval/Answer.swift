import Foundation
import LongLM

/// A model's answer to a question at the end of a text, and the probability that it gives the right one.
public struct Answer: Sendable, Equatable {
    /// What the model continued with, as it follows the text: mostly with a space in front. Each token is the most probable
    /// one.
    public let text: String
    /// Whether it contains the right answer. Line breaks and spaces count as the same.
    public let isFound: Bool
    /// ln of the probability of the right answer's tokens after the text. It is rounded to four decimals, since logarithms
    /// of different C libraries differ in their last digits.
    public let logLikelihood: Double
}

/// The right answer to a question, and its tokens when it follows the question.
struct ExpectedAnswer: Equatable {
    let text: String
    let tokens: [Int]

    /// - Parameters:
    ///   - text: Not empty.
    ///   - question: What comes before it. A space goes between the two unless the question ends with one, or opens a
    ///     quotation or a bracket.
    init(_ text: String, after question: String, _ tokenizer: Tokenizer) {
        self.text = text
        let separator = question.last.map { $0.isWhitespace || "\"'“‘«([{".contains($0) } ?? true ? "" : " "
        func encode(_ text: String) -> [Int] { tokenizer.encode(text, addSpecialTokens: false) }
        let before = encode(question)
        let both = encode(question + separator + text)
        // When the last token of the question would take in a part of the answer, which can't happen in a prompt, the
        // answer is encoded on its own.
        tokens = both.starts(with: before) ? Array(both.dropFirst(before.count)) : encode(separator + text)
    }
}

extension Session {
    /// Lets the model answer. The session holds the answer afterwards.
    ///
    /// - Parameter tokenLimit: The most tokens of the answer. The session must have room for them and for the right answer.
    func answer(
        expecting expected: ExpectedAnswer, tokenLimit: Int, _ tokenizer: Tokenizer
    ) throws(EvaluationError) -> Answer {
        let logLikelihood: Double
        var tokens: [Int] = []
        var detokenizer = tokenizer.makeDetokenizer(after: self.tokens, skipSpecialTokens: false)
        do throws(SessionError) {
            logLikelihood = try fork().logLikelihood(of: expected.tokens)
        } catch { throw .session(error) }
        do throws(GenerationError) {
            let generation = try Generation(session: self, options: GenerationOptions(tokenLimit: tokenLimit))
            while let token = try generation.next() { if let id = token.id { tokens.append(id) } }
        } catch .session(let error) {
            throw .session(error)
        } catch { throw .generation(error) }
        var text = ""
        do throws(TokenizerError) {
            for token in tokens { text += try detokenizer.append(token) }
        } catch { throw .tokenizer(error) }
        text += detokenizer.finish()
        return Answer(
            text: text, isFound: words(text).contains(words(expected.text)),
            logLikelihood: (logLikelihood * 1e4).rounded() / 1e4)
    }

    /// The text with one space for each run of white space. A model may break lines in other places than the text did.
    private func words(_ text: String) -> String { text.split(whereSeparator: \.isWhitespace).joined(separator: " ") }

    /// ln of the probability of `tokens` after the session's text. The session holds all of them but the last afterwards.
    private func logLikelihood(of tokens: [Int]) throws(SessionError) -> Double {
        var sum = 0.0
        for (index, token) in tokens.enumerated() {
            if index > 0 { try decode(tokens[index - 1]) }
            sum += LogProbability.of(token, logits: logits[...])
        }
        return sum
    }
}
