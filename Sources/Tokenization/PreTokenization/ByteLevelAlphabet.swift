/// GPT-2's one-to-one map between the 256 byte values and printable characters.
///
/// A byte-level vocabulary spells its tokens in these characters. A byte that is a printable character of Latin-1 stands
/// for itself. The other 68 are U+0100 and the code points after it, in order (a space is "Ġ", U+0120).
/// Source: `bytes_to_unicode` in the GPT-2 encoder (Radford et al., 2019).
enum ByteLevelAlphabet {
    /// The character of each byte.
    static let scalars: [Unicode.Scalar] = {
        var shifted = (0x100 as UInt16)..<0x144
        return (0...UInt8.max).map { byte in
            switch byte {
            case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: Unicode.Scalar(byte)
            default: shifted.popFirst().flatMap(Unicode.Scalar.init) ?? Unicode.Scalar(byte)
            }
        }
    }()

    /// The byte of each code point below U+0144; nil for a code point that stands for none.
    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x144)
        for (byte, scalar) in scalars.enumerated() { bytes[Int(scalar.value)] = UInt8(byte) }
        return bytes
    }()

    /// The characters for the bytes of a text in UTF-8.
    static func encode(_ text: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
        let table = scalars
        var encoded: [Unicode.Scalar] = []
        encoded.reserveCapacity(text.count)
        for scalar in text {
            if scalar.isASCII {
                encoded.append(table[Int(scalar.value)])
            } else {
                for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { encoded.append(table[Int(byte)]) }
            }
        }
        return encoded[...]
    }

    /// Appends the bytes that a token stands for: those that its characters spell, or its own UTF-8 when one of them is not
    /// of the alphabet, because added tokens are plain text.
    static func decode(_ spelling: ArraySlice<UInt8>, to decoded: inout [UInt8]) {
        let count = decoded.count
        for scalar in spelling.text.unicodeScalars {
            guard scalar.value < bytes.count, let byte = bytes[Int(scalar.value)] else {
                decoded.removeLast(decoded.count - count)
                decoded += spelling
                return
            }
            decoded.append(byte)
        }
    }
}
