/// The merge of a pair of tokens: its rank (lower ranks merge first) and the token that it makes.
struct Merge: Sendable {
    let rank: UInt32
    let token: UInt32
}

/// Merges by pair of token ids, with open addressing.
struct MergeTable: Sendable {
    /// No pair has this key, because ids are below 2²³.
    private static let emptyKey = UInt64.max

    private var keys: [UInt64]
    private var merges: [Merge]
    private let shift: Int

    /// Makes room for `capacity` merges. No more may be inserted.
    init(capacity: Int) {
        var bits = 4
        while 1 << bits < capacity * 2 { bits += 1 }
        keys = [UInt64](repeating: Self.emptyKey, count: 1 << bits)
        merges = [Merge](repeating: Merge(rank: 0, token: 0), count: 1 << bits)
        shift = UInt64.bitWidth - bits
    }

    /// Inserts a merge; a later merge of the same pair replaces an earlier one.
    ///
    /// - Returns: whether it is the first one of that pair.
    @discardableResult
    mutating func insert(_ merge: Merge, left: UInt32, right: UInt32) -> Bool {
        let slot = slot(left: left, right: right)
        defer {
            keys[slot] = Self.key(left, right)
            merges[slot] = merge
        }
        return keys[slot] == Self.emptyKey
    }

    func merge(left: UInt32, right: UInt32) -> Merge? {
        let slot = slot(left: left, right: right)
        return keys[slot] == Self.emptyKey ? nil : merges[slot]
    }

    private static func key(_ left: UInt32, _ right: UInt32) -> UInt64 {
        UInt64(left) << 32 | UInt64(right)
    }

    private func slot(left: UInt32, right: UInt32) -> Int {
        let key = Self.key(left, right)
        // Fibonacci hashing: the high bits of the product are well mixed.
        var slot = Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> UInt64(shift))
        while keys[slot] != key, keys[slot] != Self.emptyKey {
            slot = (slot + 1) & (keys.count - 1)
        }
        return slot
    }
}

/// Merges that are possible, in a binary heap: the lowest rank first, and the leftmost among equals.
struct MergeQueue {
    struct Element {
        let merge: Merge
        let position: Int

        func precedes(_ other: Element) -> Bool {
            (merge.rank, position) < (other.merge.rank, other.position)
        }
    }

    private var heap: [Element] = []

    mutating func push(_ element: Element) {
        heap.append(element)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func pop() -> Element? {
        guard let last = heap.popLast() else { return nil }
        guard let first = heap.first else { return last }
        heap[0] = last
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { return first }
            if child + 1 < heap.count, heap[child + 1].precedes(heap[child]) { child += 1 }
            guard heap[child].precedes(heap[parent]) else { return first }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
