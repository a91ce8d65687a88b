/// A checksum of bytes: FNV-1a over 64-bit words in four lanes, which are then hashed together.
///
/// Each step maps different states to different states. So a change within one word always shows: it is made to notice
/// damage and to tell models apart, not to withstand forgery.
package struct WordHash {
    private static let prime: UInt64 = 0x100_0000_01b3
    private var lanes = (
        UInt64(0xcbf2_9ce4_8422_2325), UInt64(0x8422_2325_cbf2_9ce4), UInt64(0x9e37_79b9_7f4a_7c15),
        UInt64(0x7f4a_7c15_9e37_79b9)
    )

    /// A hash of nothing.
    package init() {}

    /// Adds bytes, as a part by itself: how many they were counts as well.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let wordCount = bytes.count / 8
        func word(_ index: Int) -> UInt64 {
            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self))
        }
        func step(_ lane: inout UInt64, _ word: UInt64) { lane = (lane ^ word) &* Self.prime }
        var index = 0
        while index + 4 <= wordCount {
            step(&lanes.0, word(index))
            step(&lanes.1, word(index + 1))
            step(&lanes.2, word(index + 2))
            step(&lanes.3, word(index + 3))
            index += 4
        }
        while index < wordCount {
            step(&lanes.0, word(index))
            index += 1
        }
        for byte in bytes[(wordCount * 8)...] { step(&lanes.1, UInt64(byte)) }
        step(&lanes.2, UInt64(bytes.count))
    }

    /// Adds the UTF-8 bytes of a text.
    package mutating func add(_ text: String) { Array(text.utf8).withUnsafeBytes { add($0) } }

    /// The hash of all that was added.
    package var value: UInt64 {
        var hash = lanes.0
        // A multiplication moves differences up only, so the upper half is folded down before each.
        for lane in [lanes.1, lanes.2, lanes.3] { hash = ((hash ^ hash >> 32) ^ lane) &* Self.prime }
        return hash ^ hash >> 32
    }

    /// The hash of some bytes.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        var hash = WordHash()
        hash.add(bytes)
        return hash.value
    }
}
