import Foundation

/// Tokens by id and by spelling.
///
/// Spellings are compared as bytes: two canonically equivalent ones are two tokens. Tokens keep the order of insertion:
/// first those of the model, then the added ones.
struct Vocabulary: Sendable {
    /// Higher ids are refused. Tables here are as long as the highest id, so a broken file must not choose their length.
    /// The largest published vocabularies have a quarter of a million tokens.
    static let maximumID = 1 << 22

    private var spellings = ByteStrings()
    private var ids: [Int] = []
    /// The position in `ids` of each id, or -1.
    private var entries: [Int32] = []
    /// Open addressing over `spellings`. Its count is a power of two.
    private var slots: [Slot]

    /// An entry, or -1, and a part of its hash, which tells most entries apart without a look at their spellings.
    private struct Slot {
        var entry: Int32 = -1
        var tag: UInt32 = 0
    }

    /// Makes room for `capacity` tokens. No more may be inserted.
    init(capacity: Int) {
        var slotCount = 16
        while slotCount < capacity * 2 { slotCount *= 2 }
        slots = [Slot](repeating: Slot(), count: slotCount)
        ids.reserveCapacity(capacity)
        entries.reserveCapacity(capacity)
    }

    /// The highest id plus one.
    var size: Int { entries.count }

    /// The number of tokens.
    var count: Int { ids.count }

    mutating func insert(_ spelling: ArraySlice<UInt8>, id: Int, file: String) throws(TokenizerError) {
        precondition(count * 2 < slots.count, "more tokens than the capacity")
        guard 0...Self.maximumID ~= id else {
            throw .tokenIDOutOfRange(file: file, token: spelling.text, id: id)
        }
        let (slot, tag) = slot(of: spelling)
        guard slots[slot].entry < 0 else { throw .duplicateToken(file: file, token: spelling.text) }
        if let other = self.spelling(of: id) {
            throw .duplicateTokenID(file: file, id: id, first: other.text, second: spelling.text)
        }
        if id >= entries.count {
            entries.append(contentsOf: repeatElement(-1, count: id + 1 - entries.count))
        }
        slots[slot] = Slot(entry: Int32(count), tag: tag)
        entries[id] = Int32(count)
        ids.append(id)
        spellings.append(spelling)
    }

    /// The id of the token with this spelling, if it is among the first `limit` inserted ones.
    func id(of spelling: ArraySlice<UInt8>, limit: Int = .max) -> Int? {
        let entry = Int(slots[slot(of: spelling).index].entry)
        return entry >= 0 && entry < limit ? ids[entry] : nil
    }

    func spelling(of id: Int) -> ArraySlice<UInt8>? {
        guard entries.indices.contains(id), entries[id] >= 0 else { return nil }
        return spellings[Int(entries[id])]
    }

    /// Calls `body` with every token, in the order of insertion.
    func forEach(_ body: (_ spelling: ArraySlice<UInt8>, _ id: Int) -> Void) {
        for (entry, id) in ids.enumerated() { body(spellings[entry], id) }
    }

    /// The slot that holds this spelling, or the empty slot where it belongs, and the spelling's tag.
    private func slot(of spelling: ArraySlice<UInt8>) -> (index: Int, tag: UInt32) {
        var hasher = Hasher()
        spelling.withUnsafeBytes { hasher.combine(bytes: $0) }
        let hash = hasher.finalize()
        let tag = UInt32(truncatingIfNeeded: hash >> 32)
        var slot = hash & (slots.count - 1)
        while slots[slot].entry >= 0,
            slots[slot].tag != tag || !spellings.isEqual(spelling, at: Int(slots[slot].entry))
        {
            slot = (slot + 1) & (slots.count - 1)
        }
        return (slot, tag)
    }
}

/// Byte strings in one allocation.
struct ByteStrings: Sendable {
    private var storage: [UInt8] = []
    /// Where each begins, and where the last one ends.
    private var bounds = [0]

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        storage.append(contentsOf: bytes)
        bounds.append(storage.count)
    }

    mutating func append(_ text: String) {
        storage.append(contentsOf: text.utf8)
        bounds.append(storage.count)
    }

    subscript(index: Int) -> ArraySlice<UInt8> {
        storage[bounds[index]..<bounds[index + 1]]
    }

    func isEqual(_ bytes: ArraySlice<UInt8>, at index: Int) -> Bool {
        let (start, end) = (bounds[index], bounds[index + 1])
        guard end - start == bytes.count else { return false }
        return storage.withUnsafeBytes { stored in
            bytes.withUnsafeBytes { bytes in
                guard let stored = stored.baseAddress, let bytes = bytes.baseAddress else { return true }
                return memcmp(stored + start, bytes, end - start) == 0
            }
        }
    }
}

extension Collection<UInt8> {
    /// The bytes as text, for people.
    var text: String { String(decoding: self, as: UTF8.self) }
}
