import Tokenization

/// A constraint on the tokens of one vocabulary: which may come next in a text, and where they lead.
///
/// One text uses it at a time. Its tables grow with what texts have visited, and the next text finds them filled.
package final class TokenConstraint {
    /// A point of a text.
    package struct Position: Equatable, Sendable {
        fileprivate var place: Place
        /// The keys of the JSON so far; nil where none can repeat.
        fileprivate var keys: KeyTracker?
    }

    /// What the machine knows of a point of a text.
    fileprivate struct Place: Hashable, Sendable {
        var state: Machine.State
        /// Whether a token here is the first one of a text, so that a SentencePiece-style tokenizer drops its space.
        var startsText = false
    }

    private var machine: Machine
    private let tree: VocabularyTree
    private let spellable: ByteSet
    private let hasFreeKeys: Bool
    private var masks: [Place: TokenMask] = [:]

    /// The most bytes of masks that are kept.
    static let maximumMaskByteCount = 1 << 25

    /// - Parameter spellable: Bytes that are a token by themselves, so that any text that the machine allows can be
    ///   completed.
    /// - Throws: ``ConstraintError/unspellable(byte:)``.
    init(
        _ program: Program, _ tree: VocabularyTree, _ spellable: ByteSet, hasFreeKeys: Bool,
        tableLimit: Int = 1 << 22
    ) throws(ConstraintError) {
        machine = Machine(try program.restricted(to: spellable), tableLimit: tableLimit)
        self.tree = tree
        self.spellable = spellable
        self.hasFreeKeys = hasFreeKeys
    }

    /// Whether it was made for this vocabulary with these single bytes.
    func serves(_ tree: VocabularyTree, _ spellable: ByteSet) -> Bool {
        self.tree === tree && self.spellable == spellable
    }

    /// The beginning of a text.
    ///
    /// - Parameter startsText: Whether the tokenizer treats it so, too, rather than as the continuation of another text.
    package func start(startsText: Bool = false) -> Position {
        let place = Place(state: machine.start(), startsText: startsText && !tree.startingTokens.isEmpty)
        return Position(place: place, keys: hasFreeKeys ? KeyTracker() : nil)
    }

    /// Whether the text may end here.
    package func accepts(_ position: Position) -> Bool { machine.accepts(position.place.state) }

    /// Whether the text must end here.
    package func isFinal(_ position: Position) -> Bool { machine.isFinal(position.place.state) }

    /// Where a token leads; nil if it isn't allowed.
    package func advance(_ position: Position, by token: Int) -> Position? {
        guard let bytes = bytes(of: token, at: position.place), let state = state(after: bytes, position.place.state)
        else { return nil }
        var keys = position.keys
        for byte in bytes where keys?.read(byte) == false { return nil }
        return Position(place: Place(state: state), keys: keys)
    }

    private func state(after bytes: ArraySlice<UInt8>, _ start: Machine.State) -> Machine.State? {
        var state = start
        for byte in bytes {
            state = machine.step(state, byte)
            if state == Machine.dead { return nil }
        }
        return state
    }

    /// The tokens that may come next. After each of them some tokens complete the text.
    package func mask(at position: Position) -> TokenMask {
        // Without a limit there always is one.
        mask(at: position, stepLimit: .max) ?? TokenMask(count: tree.vocabularySize)
    }

    /// The same, unless it takes more steps than a limit. What they have found is kept.
    package func mask(at position: Position, stepLimit: Int) -> TokenMask? {
        guard var mask = mask(at: position.place, stepLimit) else { return nil }
        guard let keys = position.keys else { return mask }
        // Only a token that ends a key can repeat one. The key begins before the token, or within it.
        let candidates = keys.mayRepeat ? tree.tokensWithQuote : tree.tokensWithQuotes
        for token in candidates where mask.contains(token) {
            if let bytes = bytes(of: token, at: position.place), !keys.allows(bytes) { mask.remove(token) }
        }
        return mask
    }

    private func mask(at place: Place, _ stepLimit: Int) -> TokenMask? {
        if let mask = masks[place] { return mask }
        guard let mask = computeMask(at: place, stepLimit) else { return nil }
        if (masks.count + 1) * mask.words.count * 8 > Self.maximumMaskByteCount { masks.removeAll() }
        masks[place] = mask
        return mask
    }

    /// Frees memory, if the tables have become large.
    ///
    /// - Returns: The same point of the text. Other positions are of no more use.
    package func trim(keeping position: Position) -> Position {
        guard machine.isLarge else { return position }
        masks.removeAll()
        var kept = position
        kept.place.state = machine.forget(except: [position.place.state])[0]
        return kept
    }

    private func bytes(of token: Int, at place: Place) -> ArraySlice<UInt8>? {
        if place.startsText, let first = startingBytes(of: token) { return first.isEmpty ? nil : first[...] }
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

    private func computeMask(at place: Place, _ stepLimit: Int) -> TokenMask? {
        var mask = TokenMask(count: tree.vocabularySize)
        guard Self.walk(tree, &machine, from: place.state, stepLimit, &mask) else { return nil }
        if place.startsText {
            for (token, bytes) in tree.startingTokens {
                mask.remove(token)
                if !bytes.isEmpty, state(after: bytes[...], place.state) != nil { mask.insert(token) }
            }
        }
        return mask
    }

    /// Finds the tokens that may come next.
    ///
    /// A walk that fills the machine goes on with another, so that the states of others' positions stay.
    ///
    /// - Returns: false if the limit was reached.
    private static func walk(
        _ tree: VocabularyTree, _ machine: inout Machine, from state: Machine.State, _ stepLimit: Int,
        _ mask: inout TokenMask
    ) -> Bool {
        let firstStep = machine.stepCount
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
            if machine.stepCount - firstStep > stepLimit {
                if let kept { machine = kept }
                return false
            }
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
        return true
    }
}
