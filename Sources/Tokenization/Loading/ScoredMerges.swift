/// The merges of a vocabulary that has scores instead: every way to put a token together from two others.
///
/// SentencePiece joins the two neighbours whose result has the greatest score (Kudo and Richardson, 2018). A table of
/// merges ranks pairs, so all pairs of a token have its score. Of pairs with equal scores, those with the longer left part
/// come first, then those with the longer right part, then those of the lower id: transformers' converter to
/// tokenizer.json has this order.
struct ScoredMerges {
    struct Token {
        let id: Int
        let score: Float
    }

    private struct Pair {
        let token: UInt32
        let left: UInt32
        let right: UInt32
        /// Lengths in scalars.
        let leftLength: Int32
        let rightLength: Int32

        func precedes(_ other: Pair) -> Bool {
            (leftLength, rightLength) > (other.leftLength, other.rightLength)
        }
    }

    private(set) var table: MergeTable
    /// Whether a merge makes the token of each id.
    private(set) var isMade: [Bool]

    /// - Parameters:
    ///   - tokens: the tokens that can be merged, or can result from a merge, by ascending id. No score is NaN.
    ///   - spellings: the spellings of all tokens, by id.
    init(_ tokens: [Token], spellings: ByteStrings) {
        var parts = TokenParts(spellings, ids: tokens.map(\.id))
        var pairs: [Pair] = []
        var groupStart = 0
        var groupScore = Float.infinity
        for token in Self.ranked(tokens) {
            if token.score != groupScore {
                Self.order(&pairs[groupStart...])
                (groupStart, groupScore) = (pairs.count, token.score)
            }
            parts.forEachSplit(of: token.id) { left, leftLength, right, rightLength in
                pairs.append(
                    Pair(
                        token: UInt32(token.id), left: UInt32(left), right: UInt32(right),
                        leftLength: Int32(leftLength), rightLength: Int32(rightLength)))
            }
        }
        Self.order(&pairs[groupStart...])
        table = MergeTable(capacity: pairs.count)
        isMade = [Bool](repeating: false, count: (tokens.last?.id ?? -1) + 1)
        for (rank, pair) in pairs.enumerated() {
            table.insert(Merge(rank: UInt32(rank), token: pair.token), left: pair.left, right: pair.right)
            isMade[Int(pair.token)] = true
        }
    }

    /// The tokens by descending score, and by ascending id among equals.
    private static func ranked(_ tokens: [Token]) -> [Token] {
        // Numbers are sorted much faster than values that a closure compares.
        let keys = tokens.enumerated().map { index, token in
            let bits = (token.score + 0).bitPattern
            let ascending = bits >> 31 == 0 ? bits | 1 << 31 : ~bits
            return UInt64(~ascending) << 32 | UInt64(index)
        }
        return keys.sorted().map { tokens[Int($0 & 0xFFFF_FFFF)] }
    }

    /// Orders pairs of equal scores. Those of one token alone are in order already.
    private static func order(_ pairs: inout ArraySlice<Pair>) {
        guard let first = pairs.first, pairs.last?.token != first.token else { return }
        // `sort` keeps the order of equal elements, but doesn't promise it.
        pairs = ArraySlice(
            pairs.enumerated().sorted { one, other in
                one.element.precedes(other.element)
                    || (!other.element.precedes(one.element) && one.offset < other.offset)
            }.map(\.element))
    }
}
