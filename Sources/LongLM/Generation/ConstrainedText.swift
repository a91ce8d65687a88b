import Constraints
import Tokenization

/// A text that is generated under a constraint: which tokens may come next.
final class ConstrainedText {
    private let constraint: Constraint
    private let matcher: TokenConstraint
    private let endTokens: [Int]
    private var position: TokenConstraint.Position
    /// What may come at this position, once it is known.
    private var mask: TokenMask?

    /// - Parameter tokens: What the detokenizer takes for the text before.
    init(
        _ constraint: Constraint, _ tokenizer: Tokenizer?, _ endTokens: Set<Int>, vocabularySize: Int,
        after tokens: [Int]
    ) throws(GenerationError) {
        guard let tokenizer else {
            throw .invalidOption(InvalidOption("constraint", "set", allowed: "nil without a tokenizer"))
        }
        self.constraint = constraint
        self.endTokens = endTokens.filter { 0..<vocabularySize ~= $0 }
        do throws(ConstraintError) {
            matcher = try constraint.matcher(with: tokenizer, below: vocabularySize, except: endTokens)
        } catch { throw .constraint(error) }
        position = matcher.start(startsText: tokenizer.startsText(after: tokens))
    }

    // The next text under the constraint finds the tables filled.
    deinit { constraint.takeBack(matcher) }

    /// Whether nothing may follow.
    var isComplete: Bool { matcher.isFinal(position) }

    /// Sets the logits of the tokens that may not come next to negative infinity. Those that end the text are allowed where
    /// it may end.
    ///
    /// - Throws: ``GenerationError/constraint(_:)`` if the tokens take too many steps to find.
    func restrict(_ logits: inout [Float]) throws(GenerationError) {
        let ends = endTokens.map { ($0, logits[$0]) }
        try currentMask().apply(to: &logits)
        let mayEnd = matcher.accepts(position)
        for (token, logit) in ends { logits[token] = mayEnd ? logit : -.infinity }
    }

    /// The token that was chosen if it may come next, or else the most probable one that may. A bias can forbid all of
    /// them, and a sampler can choose as it likes. Called after ``restrict(_:)``.
    ///
    /// - Parameter logits: The model's own.
    func allowedToken(_ chosen: Int, _ logits: [Float]) -> Int {
        if isAllowed(chosen) { return chosen }
        var best: Int?
        for token in logits.indices where isAllowed(token) {
            if let other = best, !(logits[token] > logits[other]) { continue }
            best = token
        }
        return best ?? chosen
    }

    private func isAllowed(_ token: Int) -> Bool {
        if endTokens.contains(token) { return matcher.accepts(position) }
        return mask?.contains(token) ?? false
    }

    private func currentMask() throws(GenerationError) -> TokenMask {
        if let mask { return mask }
        let limit = constraint.stepLimit ?? .max
        guard let mask = matcher.mask(at: position, stepLimit: limit) else {
            throw .constraint(.tooAmbiguous(limit: limit))
        }
        self.mask = mask
        return mask
    }

    /// Goes on after a token that may come next.
    func append(_ token: Int) {
        guard let next = matcher.advance(position, by: token) else { return }
        position = matcher.trim(keeping: next)
        mask = nil
    }
}
