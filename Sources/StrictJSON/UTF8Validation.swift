/// Where bytes first depart from UTF-8 (RFC 3629); nil where they don't. Nothing is copied.
func firstInvalidUTF8(in bytes: UnsafeRawBufferPointer) -> Int? {
    var offset = 0
    while offset < bytes.count {
        // Most text is ASCII: eight bytes at once.
        if offset + 8 <= bytes.count,
            bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
        {
            offset += 8
        } else if bytes[offset] < 0x80 {
            offset += 1
        } else {
            let length = characterLength(at: offset, in: bytes)
            guard length > 0 else { return offset }
            offset += length
        }
    }
    return nil
}

/// The bytes of the character that begins here and isn't ASCII; 0 where none does.
private func characterLength(at offset: Int, in bytes: UnsafeRawBufferPointer) -> Int {
    // The second byte's range excludes longer spellings than needed, surrogates, and what is beyond Unicode.
    let length: Int
    let second: ClosedRange<UInt8>
    switch bytes[offset] {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return 0
    }
    guard offset + length <= bytes.count, second.contains(bytes[offset + 1]) else { return 0 }
    for index in (offset + 2)..<max(offset + 2, offset + length) where bytes[index] & 0xC0 != 0x80 { return 0 }
    return length
}
