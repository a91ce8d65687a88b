import Tokenization

/// The tokens of a vocabulary that stand for text, as a tree of their bytes.
///
/// Nodes are stored in the order of a walk that visits a node before its children, so a walk reads memory in order and
/// skips a subtree with one jump.
package final class VocabularyTree: Sendable {
    /// A node: the tokens that begin with the bytes on the way to it.
    struct Node {
        let byte: UInt8
        /// How many bytes its tokens have.
        let depth: UInt8
        /// The first node that isn't below it.
        fileprivate(set) var end: Int32 = 0
        /// A token that ends here, or -1.
        fileprivate(set) var token: Int32 = -1

        var fields: (byte: UInt8, depth: Int, end: Int, token: Int) { (byte, Int(depth), Int(end), Int(token)) }
    }

    let nodes: [Node]
    /// By token, another one with the same bytes, or -1.
    let sameBytes: [Int32]
    /// By byte, the tokens of this byte alone.
    private let singleTokens: [UInt8: [Int]]
    /// The first tokens of a text whose bytes are others there.
    let startingTokens: [(id: Int, bytes: [UInt8])]
    /// The tokens that hold a double quote, and those that hold several.
    let tokensWithQuote: [Int]
    let tokensWithQuotes: [Int]
    /// The bytes of each token; nil for those that stand for no text.
    private let spellings: [ArraySlice<UInt8>?]

    /// Longer tokens are never chosen. They are rare: runs of spaces or dashes.
    static let maximumDepth = 255

    /// The tree of a tokenizer, which is made once.
    package static func of(_ tokenizer: Tokenizer) -> VocabularyTree {
        tokenizer.derivedValues.value { VocabularyTree(tokenizer) }
    }

    private convenience init(_ tokenizer: Tokenizer) {
        let size = tokenizer.vocabularySize
        var unused = [Bool](repeating: false, count: size)
        for id in tokenizer.unusedIDs(below: size).joined() { unused[id] = true }
        let spellings = (0..<size).map { unused[$0] ? nil : tokenizer.bytes(ofToken: $0) }
        var starting: [(id: Int, bytes: [UInt8])] = []
        for (id, spelling) in spellings.enumerated() {
            guard let spelling, let first = tokenizer.bytes(ofToken: id, startsText: true), first != spelling else {
                continue
            }
            starting.append((id, first))
        }
        self.init(spellings, startingTokens: starting)
    }

    /// A tree.
    ///
    /// - Parameters:
    ///   - spellings: The bytes of each token; nil for those that stand for no text.
    ///   - startingTokens: Tokens whose bytes are others where they begin a text.
    package init(_ spellings: [[UInt8]?], startingTokens: [(id: Int, bytes: [UInt8])] = []) {
        let usable = spellings.map { $0.flatMap { 1...Self.maximumDepth ~= $0.count ? $0 : nil } }
        let ids = usable.indices.filter { usable[$0] != nil }
        let sorted = ids.sorted { left, right in
            let (leftBytes, rightBytes) = (usable[left] ?? [], usable[right] ?? [])
            return leftBytes == rightBytes ? left < right : leftBytes.lexicographicallyPrecedes(rightBytes)
        }
        var nodes: [Node] = []
        var sameBytes = [Int32](repeating: -1, count: spellings.count)
        var singleTokens: [UInt8: [Int]] = [:]
        // The nodes from the root to the last token's.
        var path: [Int] = []
        var last: [UInt8] = []
        for id in sorted {
            let spelling = usable[id] ?? []
            if spelling.count == 1 { singleTokens[spelling[0], default: []].append(id) }
            if spelling == last {
                sameBytes[id] = nodes[nodes.count - 1].token
                nodes[nodes.count - 1].token = Int32(id)
                continue
            }
            var shared = 0
            while shared < min(last.count, spelling.count), last[shared] == spelling[shared] { shared += 1 }
            for node in path[shared...] { nodes[node].end = Int32(nodes.count) }
            path.removeLast(path.count - shared)
            for depth in shared..<spelling.count {
                path.append(nodes.count)
                nodes.append(Node(byte: spelling[depth], depth: UInt8(depth + 1)))
            }
            nodes[nodes.count - 1].token = Int32(id)
            last = spelling
        }
        for node in path { nodes[node].end = Int32(nodes.count) }
        self.nodes = nodes
        let quoteCounts = usable.map { ($0 ?? []).count { $0 == UInt8(ascii: "\"") } }
        tokensWithQuote = quoteCounts.indices.filter { quoteCounts[$0] > 0 }
        tokensWithQuotes = quoteCounts.indices.filter { quoteCounts[$0] > 1 }
        self.sameBytes = sameBytes
        self.singleTokens = singleTokens
        self.startingTokens = startingTokens
        self.spellings = usable.map { $0.map { $0[...] } }
    }

    /// The bytes that are a token by themselves, of the tokens that a condition allows.
    func singleBytes(_ isAllowed: (Int) -> Bool) -> ByteSet {
        ByteSet(where: { byte in singleTokens[byte]?.contains(where: isAllowed) ?? false })
    }

    /// The highest id plus one.
    package var vocabularySize: Int { spellings.count }

    /// The bytes of a token; nil where it stands for no text, or for too long a one.
    package func bytes(of token: Int) -> ArraySlice<UInt8>? {
        spellings.indices.contains(token) ? spellings[token] : nil
    }
}
