import LongLM
internal import StrictJSON

/// A text that ends with a question, and what the model should continue with.
public struct PasskeyPrompt: Sendable, Codable, Equatable {
    /// The text. Its end is the question.
    public let input: String
    /// The right answer, such as `71938`.
    public let target: String

    /// A prompt.
    public init(input: String, target: String) {
        self.input = input
        self.target = target
    }

    /// Reads prompts in the form of LongLM's example: a JSON object with `input` and `target` on each line.
    ///
    /// - Throws: ``EvaluationError/file(_:reason:)`` or ``EvaluationError/malformedLine(file:line:reason:)``.
    public static func read(_ path: String) throws(EvaluationError) -> [PasskeyPrompt] {
        var prompts: [PasskeyPrompt] = []
        for (index, line) in fileLines(try readFile(path)).enumerated() where !line.isEmpty {
            func refuse(_ reason: String) -> EvaluationError {
                .malformedLine(file: path, line: index + 1, reason: reason)
            }
            let value: JSONValue
            do throws(JSONError) {
                value = try JSONValue(parsing: [UInt8](line))
            } catch { throw refuse("column \(error.column): \(error.reason)") }
            guard let input = value["input"]?.string, let target = value["target"]?.string else {
                throw refuse(#"is no JSON object with "input" and "target""#)
            }
            let prompt = PasskeyPrompt(input: input, target: target)
            guard !prompt.input.isEmpty, !prompt.target.isEmpty else { throw refuse("has an empty input or target") }
            prompts.append(prompt)
        }
        guard !prompts.isEmpty else { throw .file(path, reason: "holds no prompt") }
        return prompts
    }

    /// Makes a prompt of at most `length` tokens, with as much filler as fits.
    ///
    /// - Parameters:
    ///   - length: Tokens of the prompt and of the key that follows it.
    ///   - depth: Where the key is, from 0 (the beginning) to 1.
    ///   - digitCount: Digits of the key.
    ///   - generator: The source of the key and of the filler's order.
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when the key's sentence and the question alone don't fit, when the
    ///   depth is out of range, and when the filler has no tokens.
    static func make(
        _ template: PasskeyTemplate, length: Int, depth: Double, digitCount: Int, _ tokenizer: Tokenizer,
        _ generator: inout some RandomNumberGenerator
    ) throws(EvaluationError) -> PasskeyPrompt {
        let target = String((0..<digitCount).map { _ in "0123456789".randomElement(using: &generator) ?? "0" })
        var pieces: [String] = []
        func fits(_ count: Int) -> Bool {
            while pieces.count < count { pieces.append(template.filler.randomElement(using: &generator) ?? "") }
            let prompt = PasskeyPrompt(
                input: template.text(key: target, depth: depth, filler: pieces[..<count]), target: target)
            return prompt.tokenCount(tokenizer) <= length
        }
        // Filler without tokens would be added for ever.
        guard template.filler.contains(where: { !tokenizer.encode($0, addSpecialTokens: false).isEmpty }) else {
            throw .invalidSetting("the template's filler holds no character that the tokenizer knows")
        }
        guard (0...1).contains(depth) else {
            throw .invalidSetting("a depth of \(depth); it must be between 0 and 1")
        }
        guard fits(0) else {
            throw .invalidSetting("\(length) tokens are too few for a key of \(digitCount) digits and the question")
        }
        var (fitting, tooMany) = (0, 1)
        while fits(tooMany) { (fitting, tooMany) = (tooMany, tooMany * 2) }
        while tooMany - fitting > 1 {
            let middle = (fitting + tooMany) / 2
            if fits(middle) { fitting = middle } else { tooMany = middle }
        }
        return PasskeyPrompt(
            input: template.text(key: target, depth: depth, filler: pieces[..<fitting]), target: target)
    }

    /// Tokens of the prompt and the right answer.
    private func tokenCount(_ tokenizer: Tokenizer) -> Int {
        tokenizer.encode(input).count + expected(tokenizer).tokens.count
    }

    /// The right answer as it follows the prompt.
    func expected(_ tokenizer: Tokenizer) -> ExpectedAnswer {
        // Only the last words have a say in how the answer is divided into tokens.
        ExpectedAnswer(target, after: String(input.suffix(64)), tokenizer)
    }
}
