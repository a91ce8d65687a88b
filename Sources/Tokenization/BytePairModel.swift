/// Byte-level byte-pair encoding of one word (Sennrich et al., 2016; Radford et al., 2019).
struct BytePairModel: Sendable {
    /// What stands for a byte that the vocabulary lacks.
    struct UnknownToken: Sendable {
        let id: UInt32
        /// One token stands for a whole run of such bytes.
        let isFused: Bool
    }

    let vocabulary: Vocabulary
    let merges: MergeTable
    /// A word that is a token is that token, whatever the merges would make of it (Llama 3).
    let ignoresMerges: Bool
    /// Without it, bytes that the vocabulary lacks are dropped.
    let unknownToken: UnknownToken?
    /// The token of each byte value, nil where the vocabulary lacks it.
    let byteTokens: [UInt32?]

    /// The number of tokens of the model; added tokens follow them in the vocabulary.
    private let modelTokenCount: Int

    /// - Parameter vocabulary: the model's tokens, still without the added ones that it lacks.
    init(vocabulary: Vocabulary, merges: MergeTable, ignoresMerges: Bool, unknownToken: UnknownToken?) {
        self.vocabulary = vocabulary
        self.merges = merges
        self.ignoresMerges = ignoresMerges
        self.unknownToken = unknownToken
        byteTokens = ByteLevelAlphabet.spellings.map { vocabulary.id(of: $0).map(UInt32.init) }
        modelTokenCount = vocabulary.count
    }

    private init(_ model: BytePairModel, vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
        merges = model.merges
        ignoresMerges = model.ignoresMerges
        unknownToken = model.unknownToken
        byteTokens = model.byteTokens
        modelTokenCount = model.modelTokenCount
    }

    /// The same model with a vocabulary to which tokens were added; words are still split into its own tokens only.
    func adding(_ vocabulary: Vocabulary) -> BytePairModel {
        BytePairModel(self, vocabulary: vocabulary)
    }

    /// The token that is the whole word, when the model looks for it.
    fileprivate func wholeWord(_ word: [UInt8], spelling: inout [UInt8]) -> Int? {
        guard ignoresMerges else { return nil }
        spelling.removeAll(keepingCapacity: true)
        for byte in word { spelling.append(contentsOf: ByteLevelAlphabet.spellings[Int(byte)]) }
        return vocabulary.id(of: spelling, limit: modelTokenCount)
    }
}

/// Encodes words one after another; keeps its buffers between them.
struct WordEncoder {
    /// A token of the word, in a doubly linked list of positions.
    private struct Symbol {
        var token: UInt32
        var previous: Int
        var next: Int
        var isRemoved = false
    }

    private static let none = -1

    private let model: BytePairModel
    private var word: [UInt8] = []
    private var spelling: [UInt8] = []
    private var symbols: [Symbol] = []
    private var queue = MergeQueue()

    init(_ model: BytePairModel) {
        self.model = model
    }

    /// Appends the ids of one word. O(n log n) in its length.
    mutating func append(_ scalars: ArraySlice<Unicode.Scalar>, to ids: inout [Int]) {
        word.removeAll(keepingCapacity: true)
        for scalar in scalars { word.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
        if let id = model.wholeWord(word, spelling: &spelling) {
            ids.append(id)
            return
        }
        splitIntoBytes()
        mergeAll()
        for symbol in symbols where !symbol.isRemoved { ids.append(Int(symbol.token)) }
    }

    private mutating func splitIntoBytes() {
        symbols.removeAll(keepingCapacity: true)
        var followsUnknown = false
        for byte in word {
            let token = model.byteTokens[Int(byte)]
            if let token {
                appendSymbol(token)
            } else if let unknown = model.unknownToken, !(unknown.isFused && followsUnknown) {
                appendSymbol(unknown.id)
            }
            followsUnknown = token == nil
        }
        if !symbols.isEmpty { symbols[symbols.count - 1].next = Self.none }
    }

    private mutating func appendSymbol(_ token: UInt32) {
        let position = symbols.count
        symbols.append(Symbol(token: token, previous: position - 1, next: position + 1))
    }

    private mutating func mergeAll() {
        for position in symbols.indices { enqueueMerge(at: position) }
        while let candidate = queue.pop() {
            let position = candidate.position
            // A candidate is stale once either of its symbols was merged into something else.
            guard !symbols[position].isRemoved, merge(at: position)?.token == candidate.merge.token else { continue }
            join(at: position, into: candidate.merge.token)
            if symbols[position].previous != Self.none { enqueueMerge(at: symbols[position].previous) }
            enqueueMerge(at: position)
        }
    }

    /// The merge of the symbol at a position with the one after it.
    private func merge(at position: Int) -> Merge? {
        let next = symbols[position].next
        guard next != Self.none else { return nil }
        return model.merges.merge(left: symbols[position].token, right: symbols[next].token)
    }

    private mutating func enqueueMerge(at position: Int) {
        if let merge = merge(at: position) { queue.push(.init(merge: merge, position: position)) }
    }

    private mutating func join(at position: Int, into token: UInt32) {
        let removed = symbols[position].next
        symbols[position].token = token
        symbols[position].next = symbols[removed].next
        symbols[removed].isRemoved = true
        if symbols[removed].next != Self.none { symbols[symbols[removed].next].previous = position }
    }
}
