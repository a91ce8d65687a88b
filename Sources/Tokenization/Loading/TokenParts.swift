/// Finds the tokens that other tokens are made of.
///
/// It looks up each part by a hash of its bytes, a polynomial whose value for any part follows from those of the token's
/// prefixes. So a token takes time in proportion to its length, however long a broken file makes it.
struct TokenParts {
    private let spellings: ByteStrings
    private let base = UInt64.random(in: 1 << 32..<Residue.modulus)
    /// The powers of the base, from 0 to the greatest length.
    private var powers: [UInt64] = [1]
    /// Open addressing: tokens by the hash of their bytes. An empty slot has no token.
    private var slots: [(hash: UInt64, id: Int32)]
    private var prefixHashes: [UInt64] = []
    private var boundaries: [Int] = []

    /// - Parameters:
    ///   - spellings: the spellings of all tokens, in UTF-8.
    ///   - ids: those of the tokens that parts can be. No two have the same spelling.
    init(_ spellings: ByteStrings, ids: [Int]) {
        self.spellings = spellings
        var slotCount = 16
        while slotCount < ids.count * 2 { slotCount *= 2 }
        slots = Array(repeating: (0, -1), count: slotCount)
        var greatestLength = 0
        for id in ids {
            let spelling = spellings[id]
            greatestLength = max(greatestLength, spelling.count)
            let hash = spelling.reduce(0) { Residue.appending($1, to: $0, base) }
            var slot = Int(truncatingIfNeeded: hash) & (slotCount - 1)
            while slots[slot].id >= 0 { slot = (slot + 1) & (slotCount - 1) }
            slots[slot] = (hash, Int32(id))
        }
        for _ in 0..<greatestLength { powers.append(Residue.product(powers[powers.count - 1], base)) }
    }

    /// Calls `body` with each pair of tokens that a token, one of those that parts can be, is made of, and with their
    /// lengths in scalars; the longest left part comes first.
    mutating func forEachSplit(
        of id: Int, _ body: (_ left: Int, _ leftLength: Int, _ right: Int, _ rightLength: Int) -> Void
    ) {
        let bytes = spellings[id]
        guard bytes.count > 1 else { return }
        prefixHashes.removeAll(keepingCapacity: true)
        boundaries.removeAll(keepingCapacity: true)
        var hash: UInt64 = 0
        for (offset, byte) in bytes.enumerated() {
            prefixHashes.append(hash)
            hash = Residue.appending(byte, to: hash, base)
            if byte & 0xC0 != 0x80 { boundaries.append(offset) }
        }
        for leftLength in stride(from: boundaries.count - 1, to: 0, by: -1) {
            let middle = boundaries[leftLength]
            let prefix = prefixHashes[middle]
            guard let left = self.id(of: bytes.prefix(middle), hash: prefix) else { continue }
            let suffix = Residue.difference(hash, Residue.product(prefix, powers[bytes.count - middle]))
            guard let right = self.id(of: bytes.dropFirst(middle), hash: suffix) else { continue }
            body(left, leftLength, right, boundaries.count - leftLength)
        }
    }

    private func id(of part: ArraySlice<UInt8>, hash: UInt64) -> Int? {
        var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[slot].id >= 0 {
            let id = Int(slots[slot].id)
            if slots[slot].hash == hash, spellings.isEqual(part, at: id) { return id }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }
}

/// Arithmetic modulo a Mersenne prime.
private enum Residue {
    static let modulus: UInt64 = 1 << 61 - 1

    /// The hash of a text with one more byte, from that of the text.
    @inline(__always)
    static func appending(_ byte: UInt8, to hash: UInt64, _ base: UInt64) -> UInt64 {
        reduced(product(hash, base) + UInt64(byte) + 1)
    }

    @inline(__always)
    static func product(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let (high, low) = one.multipliedFullWidth(by: other)
        return reduced((low & modulus) + (low >> 61 | high << 3))
    }

    @inline(__always)
    static func difference(_ one: UInt64, _ other: UInt64) -> UInt64 {
        one >= other ? one - other : one + modulus - other
    }

    /// The residue of a number below twice the modulus.
    @inline(__always)
    private static func reduced(_ number: UInt64) -> UInt64 {
        number >= modulus ? number - modulus : number
    }
}
