/// GPT-2's one-to-one map between the 256 byte values and printable characters.
///
/// A byte-level vocabulary spells its tokens in these characters: a byte that is a printable character of Latin-1
/// stands for itself, the other 68 are U+0100 and the code points after it, in order (a space is "Ġ", U+0120).
/// Source: `bytes_to_unicode` in the GPT-2 encoder (Radford et al., 2019).
enum ByteLevelAlphabet {
    /// The character of each byte, in UTF-8.
    static let spellings: [[UInt8]] = scalars.map { UTF8.encode($0).map(Array.init) ?? [] }

    private static let scalars: [Unicode.Scalar] = {
        var shifted = (0x100 as UInt16)..<0x144
        return (0...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: Unicode.Scalar(byte)
            default: shifted.popFirst().flatMap(Unicode.Scalar.init) ?? Unicode.Scalar(byte)
            }
        }
    }()

    /// The byte of each code point below U+0144, nil for those that stand for none.
    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
        return bytes
    }()

    /// The bytes that a token stands for: those it spells, or its own UTF-8 when a character is not of the alphabet
    /// (added tokens are plain text).
    static func decode(_ spelling: [UInt8]) -> [UInt8] {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(spelling.count)
        for scalar in String(decoding: spelling, as: UTF8.self).unicodeScalars {
            guard scalar.value < bytes.count, let byte = bytes[Int(scalar.value)] else { return spelling }
            decoded.append(byte)
        }
        return decoded
    }
}
