import Tokenization

/// A constraint on the tokens of one vocabulary: which may come next in a text, and where they lead.
///
/// One text uses it at a time. Its tables grow with what texts have visited, and the next text finds them filled.
package final class TokenConstraint {
    /// A point of a text.
    package struct Position: Hashable, Sendable {
        fileprivate var state: Machine.State
        /// Whether a token here is the first one of a text, so that a SentencePiece-style tokenizer drops its space.
        fileprivate var startsText = false
    }

    private var machine: Machine
    private let tree: VocabularyTree
    private let spellable: ByteSet
    private var masks: [Position: TokenMask] = [:]

    /// The most bytes of masks that are kept.
    static let maximumMaskByteCount = 1 << 25

    /// - Parameter spellable: Bytes that are a token by themselves, so that any text that the machine allows can be
    ///   completed.
    /// - Throws: ``ConstraintError/unspellable(byte:)``.
    init(
        _ program: Program, _ tree: VocabularyTree, _ spellable: ByteSet, tableLimit: Int = 1 << 22
    ) throws(ConstraintError) {
        machine = Machine(try program.restricted(to: spellable), tableLimit: tableLimit)
        self.tree = tree
        self.spellable = spellable
    }

    /// Whether it was made for this vocabulary with these single bytes.
    func serves(_ tree: VocabularyTree, _ spellable: ByteSet) -> Bool {
        self.tree === tree && self.spellable == spellable
    }

    /// The beginning of a text.
    ///
    /// - Parameter startsText: Whether the tokenizer treats it so, too, rather than as the continuation of another text.
    package func start(startsText: Bool = false) -> Position {
        Position(state: machine.start(), startsText: startsText && !tree.startingTokens.isEmpty)
    }

    /// Whether the text may end here.
    package func accepts(_ position: Position) -> Bool { machine.accepts(position.state) }

    /// Whether the text must end here.
    package func isFinal(_ position: Position) -> Bool { machine.isFinal(position.state) }

    /// Where a token leads; nil if it isn't allowed.
    package func advance(_ position: Position, by token: Int) -> Position? {
        guard let bytes = bytes(of: token, at: position) else { return nil }
        var state = position.state
        for byte in bytes {
            state = machine.step(state, byte)
            if state == Machine.dead { return nil }
        }
        return Position(state: state)
    }

    /// The tokens that may come next. After each of them some tokens complete the text.
    package func mask(at position: Position) -> TokenMask {
        if let mask = masks[position] { return mask }
        let mask = computeMask(at: position)
        if (masks.count + 1) * mask.words.count * 8 > Self.maximumMaskByteCount { masks.removeAll() }
        masks[position] = mask
        return mask
    }

    /// Frees memory, if the tables have become large.
    ///
    /// - Returns: The same point of the text. Other positions are of no more use.
    package func trim(keeping position: Position) -> Position {
        guard machine.isLarge else { return position }
        masks.removeAll()
        var kept = position
        kept.state = machine.forget(except: [position.state])[0]
        return kept
    }

    private func bytes(of token: Int, at position: Position) -> ArraySlice<UInt8>? {
        if position.startsText, let first = startingBytes(of: token) { return first.isEmpty ? nil : first[...] }
        return tree.bytes(of: token)
    }

    private func startingBytes(of token: Int) -> [UInt8]? {
        // They are sorted by token.
        var (low, high) = (0, tree.startingTokens.count)
        while low < high {
            let middle = (low + high) / 2
            if tree.startingTokens[middle].id < token { low = middle + 1 } else { high = middle }
        }
        guard low < tree.startingTokens.count, tree.startingTokens[low].id == token else { return nil }
        return tree.startingTokens[low].bytes
    }

    private func computeMask(at position: Position) -> TokenMask {
        var mask = TokenMask(count: tree.vocabularySize)
        Self.walk(tree, &machine, from: position.state, &mask)
        if position.startsText {
            for (token, _) in tree.startingTokens {
                mask.remove(token)
                if advance(position, by: token) != nil { mask.insert(token) }
            }
        }
        return mask
    }

    /// Finds the tokens that may come next.
    ///
    /// A walk that fills the machine goes on with another, so that the states of others' positions stay.
    private static func walk(
        _ tree: VocabularyTree, _ machine: inout Machine, from state: Machine.State, _ mask: inout TokenMask
    ) {
        // The states on the way to a node, by depth.
        var path = [Machine.State](repeating: Machine.dead, count: VocabularyTree.maximumDepth + 1)
        path[0] = state
        var stateCount = machine.stateCount
        var kept: Machine?
        var node = 0
        while node < tree.nodes.count {
            let (byte, depth, end, first) = tree.nodes[node].fields
            let next = machine.step(path[depth - 1], byte)
            guard next != Machine.dead else {
                node = end
                continue
            }
            path[depth] = next
            if machine.stateCount != stateCount {
                if machine.isLarge {
                    kept = kept ?? machine
                    path.replaceSubrange(0...depth, with: machine.forget(except: Array(path[0...depth])))
                }
                stateCount = machine.stateCount
            }
            var token = first
            while token >= 0 {
                mask.insert(token)
                token = Int(tree.sameBytes[token])
            }
            node += 1
        }
        if let kept { machine = kept }
    }
}
