import Synchronization
import Tokenization

/// What a generated text has to be: one of some texts, a match of a regular expression, JSON of a schema, or a sentence of
/// a grammar.
///
/// A constraint is a set of texts. While a text is generated, only those tokens can be chosen after which it can still
/// become one of the set, spelled with the tokens of the vocabulary at hand. So a text never gets stuck, and one that ends
/// by itself, rather than at a limit, is in the set.
///
/// ```swift
/// let constraint = try Constraint.jsonSchema(#"{"type": "object", "properties": {"name": {"type": "string"}}}"#)
/// print(constraint.accepts(#"{"name":"Ada"}"#))  // true
/// ```
///
/// Making a constraint takes time in proportion to its size. The tables that speed up generating belong to it and its
/// copies, so a server makes each constraint once.
public struct Constraint: Sendable {
    /// The most steps that finding the tokens that may come next may take; nil, the default: any number. A step follows one
    /// reading of a text. A constraint that can be read in many ways can take seconds for a token, so a program that
    /// generates several texts sets a limit for constraints that others have made.
    public var stepLimit: Int?

    private let program: Program
    private let pool = MatcherPool()

    /// Whether the texts are JSON with keys that the constraint doesn't list.
    private let hasFreeKeys: Bool

    init(_ rules: RuleSet, hasFreeKeys: Bool = false) throws(ConstraintError) {
        program = try Program(rules)
        self.hasFreeKeys = hasFreeKeys
    }

    /// Whether a whole text satisfies the constraint.
    public func accepts(_ text: String) -> Bool {
        var machine = Machine(program)
        var state = machine.start()
        var keys = KeyTracker()
        for byte in text.utf8 {
            state = machine.step(state, byte)
            if state == Machine.dead || hasFreeKeys && !keys.read(byte) { return false }
            if machine.isLarge { state = machine.forget(except: [state])[0] }
        }
        return machine.accepts(state)
    }

    /// Makes sure that the tokens of a vocabulary can spell a text of the constraint.
    ///
    /// Bytes that no token spells by itself are never used. Texts that need them are lost.
    ///
    /// - Throws: ``ConstraintError/unspellable(byte:)`` if none is left.
    public func check(with tokenizer: Tokenizer) throws(ConstraintError) {
        _ = try program.restricted(to: VocabularyTree.of(tokenizer).singleBytes { _ in true })
    }

    /// The constraint on a tokenizer's tokens, for one text at a time.
    ///
    /// - Parameters:
    ///   - tokenizer: The tokens.
    ///   - count: The model's number of tokens. Others are never chosen.
    ///   - excluded: Tokens that can't be within the text, such as those that end it.
    /// - Throws: ``ConstraintError/unspellable(byte:)``.
    package func matcher(
        with tokenizer: Tokenizer, below count: Int = .max, except excluded: Set<Int> = []
    ) throws(ConstraintError) -> TokenConstraint {
        let tree = VocabularyTree.of(tokenizer)
        let bytes = tree.singleBytes { $0 < count && !excluded.contains($0) }
        if let idle = pool.take(where: { $0.serves(tree, bytes) }) { return idle }
        return try TokenConstraint(program, tree, bytes, hasFreeKeys: hasFreeKeys)
    }

    /// Takes back what ``matcher(with:)`` gave, for the next text.
    ///
    /// Nobody else may use it any more.
    package func takeBack(_ matcher: TokenConstraint) { pool.put(matcher) }

    /// The same for a vocabulary of given tokens, without reuse, and with a limit of the tables.
    package func matcher(
        with tree: VocabularyTree, tableLimit: Int = 1 << 22
    ) throws(ConstraintError) -> TokenConstraint {
        try TokenConstraint(
            program, tree, tree.singleBytes { _ in true }, hasFreeKeys: hasFreeKeys, tableLimit: tableLimit)
    }
}

/// Matchers that no text uses at the moment.
private final class MatcherPool: Sendable {
    /// So many wait at most.
    private static let limit = 4

    private struct Idle: @unchecked Sendable {
        // `@unchecked`: it belongs to whoever takes it out.
        let matcher: TokenConstraint
    }

    private let idle = Mutex<[Idle]>([])

    func take(where isSuitable: (TokenConstraint) -> Bool) -> TokenConstraint? {
        let taken = idle.withLock { idle -> Idle? in
            guard let index = idle.firstIndex(where: { isSuitable($0.matcher) }) else { return nil }
            return idle.remove(at: index)
        }
        return taken?.matcher
    }

    func put(_ matcher: TokenConstraint) {
        let waiting = Idle(matcher: matcher)
        idle.withLock { idle in
            if idle.count >= Self.limit { idle.removeFirst() }
            idle.append(waiting)
        }
    }
}
