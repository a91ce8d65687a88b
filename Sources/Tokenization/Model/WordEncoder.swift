/// Encodes words one after another, and keeps its buffers between them.
struct WordEncoder {
    /// A token of the word, in a doubly linked list of positions.
    private struct Symbol {
        var token: UInt32
        var previous: Int32
        var next: Int32
        var isRemoved = false
    }

    private static let none = Int32(-1)

    private let model: BytePairModel
    private var symbols: [Symbol] = []
    private var queue = MergeQueue()

    init(_ model: BytePairModel) {
        self.model = model
    }

    /// Appends the ids of one word. O(n log n) in its length.
    mutating func append(_ word: ArraySlice<Unicode.Scalar>, to ids: inout [Int]) {
        if let id = model.wholeWord(word) {
            ids.append(id)
            return
        }
        split(word)
        mergeAll()
        for symbol in symbols where !symbol.isRemoved { ids.append(Int(symbol.token)) }
    }

    private mutating func split(_ word: ArraySlice<Unicode.Scalar>) {
        symbols.removeAll(keepingCapacity: true)
        // The Python package holds an unknown token back until the next scalar that is a token. Scalars that are spelled in
        // bytes overtake it. This makes a difference only in a vocabulary that has some of the byte tokens but not all.
        var pending: UInt32?
        for scalar in word {
            if let token = model.scalarTokens[scalar] {
                if let unknown = pending { appendSymbol(unknown) }
                pending = nil
                appendSymbol(token)
            } else if let tokens = model.fallback(scalar) {
                for token in tokens { appendSymbol(token) }
            } else if let unknown = model.options.unknownToken {
                if let earlier = pending, !unknown.isFused { appendSymbol(earlier) }
                pending = unknown.id
            }
        }
        if let unknown = pending { appendSymbol(unknown) }
        if !symbols.isEmpty { symbols[symbols.count - 1].next = Self.none }
    }

    private mutating func appendSymbol(_ token: UInt32) {
        let position = Int32(symbols.count)
        symbols.append(Symbol(token: token, previous: position - 1, next: position + 1))
    }

    private mutating func mergeAll() {
        for position in symbols.indices { enqueueMerge(at: position) }
        while let candidate = queue.pop() {
            let position = candidate.position
            // A candidate is stale once either of its symbols was merged into something else.
            guard !symbols[position].isRemoved, merge(at: position)?.token == candidate.merge.token else { continue }
            join(at: position, into: candidate.merge.token)
            if symbols[position].previous != Self.none { enqueueMerge(at: Int(symbols[position].previous)) }
            enqueueMerge(at: position)
        }
    }

    /// The merge of the symbol at a position with the one after it.
    private func merge(at position: Int) -> Merge? {
        let next = symbols[position].next
        guard next != Self.none else { return nil }
        return model.merges.merge(left: symbols[position].token, right: symbols[Int(next)].token)
    }

    private mutating func enqueueMerge(at position: Int) {
        if let merge = merge(at: position) { queue.push(.init(merge: merge, position: position)) }
    }

    private mutating func join(at position: Int, into token: UInt32) {
        let removed = Int(symbols[position].next)
        symbols[position].token = token
        symbols[position].next = symbols[removed].next
        symbols[removed].isRemoved = true
        let next = symbols[removed].next
        if next != Self.none { symbols[Int(next)].previous = Int32(position) }
    }
}
