/// Tokens by id and by spelling.
///
/// Spellings are compared as bytes: two canonically equivalent ones are two tokens. Tokens keep the order of
/// insertion; those of the model come first, then the added ones.
struct Vocabulary: Sendable {
    /// Ids above are refused. The largest published vocabularies have a quarter of a million tokens; tables here are
    /// as long as the highest id, so a broken file must not choose it.
    static let maximumID = 1 << 22

    private var spellings = ByteStrings()
    private var ids: [Int] = []
    /// The position in `ids` of each id, or -1.
    private var entries: [Int32] = []
    /// Open addressing over `spellings`: an entry, or -1. Its count is a power of two.
    private var slots: [Int32]

    /// Makes room for `capacity` tokens, which is also the most that may be inserted.
    init(capacity: Int) {
        var slotCount = 16
        while slotCount < capacity * 2 { slotCount *= 2 }
        slots = [Int32](repeating: -1, count: slotCount)
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
        let slot = slot(of: spelling)
        guard slots[slot] < 0 else { throw .duplicateToken(file: file, token: spelling.text) }
        if let other = self.spelling(of: id) {
            throw .duplicateTokenID(file: file, id: id, first: other.text, second: spelling.text)
        }
        if id >= entries.count {
            entries.append(contentsOf: repeatElement(-1, count: id + 1 - entries.count))
        }
        slots[slot] = Int32(count)
        entries[id] = Int32(count)
        ids.append(id)
        spellings.append(spelling)
    }

    /// The id of the token with this spelling, if it is among the first `limit` inserted ones.
    func id(of spelling: ArraySlice<UInt8>, limit: Int = .max) -> Int? {
        let entry = Int(slots[slot(of: spelling)])
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

    /// The slot that holds this spelling, or the empty one where it belongs.
    private func slot(of spelling: ArraySlice<UInt8>) -> Int {
        var hasher = Hasher()
        spelling.withUnsafeBytes { hasher.combine(bytes: $0) }
        var slot = hasher.finalize() & (slots.count - 1)
        while slots[slot] >= 0, spellings[Int(slots[slot])] != spelling {
            slot = (slot + 1) & (slots.count - 1)
        }
        return slot
    }
}

/// Byte strings in one allocation.
private struct ByteStrings: Sendable {
    private var storage: [UInt8] = []
    private var ends: [Int] = []

    mutating func append(_ bytes: ArraySlice<UInt8>) {
        storage.append(contentsOf: bytes)
        ends.append(storage.count)
    }

    subscript(index: Int) -> ArraySlice<UInt8> {
        storage[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
    }
}

extension Collection<UInt8> {
    /// The bytes as text, for people.
    var text: String { String(decoding: self, as: UTF8.self) }
}
