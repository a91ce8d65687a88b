/// The keys of one object, compared by their bytes.
///
/// A vocabulary is an object of a quarter of a million members, so this is faster than a `Set`: few keys are compared
/// one by one, and many are hashed once each, with a hash that a hostile file can't foresee.
struct KeySet {
    /// So many keys are compared one by one.
    private static let smallCount = 8

    private var keys: [ArraySlice<UInt8>] = []
    private var hashes: [Int] = []
    /// Open addressing: an index of `keys`, or -1. The count is a power of two, at least twice that of the keys.
    private var slots: [Int32] = []

    var isEmpty: Bool { keys.isEmpty }

    /// Adds a key; false when it is there already.
    mutating func insert(_ key: ArraySlice<UInt8>) -> Bool {
        if keys.count < Self.smallCount {
            guard !keys.contains(where: { isEqual($0, key) }) else { return false }
            keys.append(key)
            return true
        }
        if slots.count < 2 * (keys.count + 1) { grow() }
        let hash = hash(key)
        var slot = hash & (slots.count - 1)
        while slots[slot] >= 0 {
            let index = Int(slots[slot])
            if hashes[index] == hash, isEqual(keys[index], key) { return false }
            slot = (slot + 1) & (slots.count - 1)
        }
        slots[slot] = Int32(keys.count)
        keys.append(key)
        hashes.append(hash)
        return true
    }

    private mutating func grow() {
        for key in keys[hashes.count...] { hashes.append(hash(key)) }
        slots = [Int32](repeating: -1, count: max(slots.count * 4, 64))
        for (index, hash) in hashes.enumerated() {
            var slot = hash & (slots.count - 1)
            while slots[slot] >= 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = Int32(index)
        }
    }

    private func hash(_ key: ArraySlice<UInt8>) -> Int {
        var hasher = Hasher()
        key.withUnsafeBytes { hasher.combine(bytes: $0) }
        return hasher.finalize()
    }

    private func isEqual(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Bool {
        left.count == right.count
            && left.withUnsafeBytes { left in right.withUnsafeBytes { left.elementsEqual($0) } }
    }
}
