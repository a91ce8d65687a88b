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
/// Making a constraint takes time in proportion to its size, which a `sizeLimit` bounds. The tables that speed up
/// generating belong to it and its copies, so a server makes each constraint once. Between texts, those of one text are
/// kept, of up to some 100 MB.
public struct Constraint: Sendable {
    /// The most steps that may be spent on finding the next token; nil, the default: no limit. A step follows one reading of
    /// the text. A constraint that can be read in many ways can take seconds for a token, so set a limit for constraints that
    /// others wrote. Beyond the limit a generation throws ``ConstraintError/tooAmbiguous(limit:)`` as
    /// `GenerationError.constraint(_:)`.
    public var stepLimit: Int?

    /// The most instructions that a constraint may have, where nothing else is said: 12 MB of them.
    public static let maximumSize = 1 << 19

    private let program: Program
    private let idle = IdleMatcher()

    /// Whether the texts are JSON with keys that the constraint doesn't list.
    private let hasFreeKeys: Bool

    init(_ rules: RuleSet, sizeLimit: Int, hasFreeKeys: Bool = false) throws(ConstraintError) {
        program = try Program(rules, sizeLimit: sizeLimit)
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
        if let idle = idle.take(where: { $0.serves(tree, bytes) }) { return idle }
        return try TokenConstraint(program, tree, bytes, hasFreeKeys: hasFreeKeys)
    }

    /// Takes back what ``matcher(with:)`` gave, for the next text.
    ///
    /// Nobody else may use it any more.
    package func takeBack(_ matcher: TokenConstraint) { idle.put(matcher) }

    /// The same for a vocabulary of given tokens, without reuse, and with a limit of the tables.
    package func matcher(
        with tree: VocabularyTree, tableLimit: Int = 1 << 22
    ) throws(ConstraintError) -> TokenConstraint {
        try TokenConstraint(
            program, tree, tree.singleBytes { _ in true }, hasFreeKeys: hasFreeKeys, tableLimit: tableLimit)
    }
}

/// The matcher that was used last, while no text uses it. Its tables can be large, so it is the only one that is kept.
private final class IdleMatcher: Sendable {
    private struct Idle: @unchecked Sendable {
        // `@unchecked`: it belongs to whoever takes it out.
        let matcher: TokenConstraint
    }

    private let idle = Mutex<Idle?>(nil)

    func take(where isSuitable: (TokenConstraint) -> Bool) -> TokenConstraint? {
        let taken = idle.withLock { idle -> Idle? in
            guard let present = idle, isSuitable(present.matcher) else { return nil }
            idle = nil
            return present
        }
        return taken?.matcher
    }

    func put(_ matcher: TokenConstraint) {
        let waiting = Idle(matcher: matcher)
        idle.withLock { $0 = waiting }
    }
}
