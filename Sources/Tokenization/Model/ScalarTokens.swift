/// The tokens of one scalar each, by that scalar. Byte-pair encoding of a word begins with them.
///
/// It is a table of pages, because every scalar of a text is looked up in it.
struct ScalarTokens: Sendable {
    private static let none = UInt32.max

    /// Where in `tokens` each page begins: 256 scalars that share all but their low byte. Page 0 is empty.
    private var pages = [UInt32](repeating: 0, count: 0x110000 >> 8)
    private var tokens = [UInt32](repeating: none, count: 256)

    init(_ vocabulary: Vocabulary) {
        vocabulary.forEach { spelling, id in
            guard spelling.count <= 4 else { return }
            let scalars = spelling.text.unicodeScalars
            if let scalar = scalars.first, scalars.count == 1 { insert(UInt32(id), for: scalar) }
        }
    }

    private mutating func insert(_ token: UInt32, for scalar: Unicode.Scalar) {
        let page = Int(scalar.value >> 8)
        if pages[page] == 0 {
            pages[page] = UInt32(tokens.count)
            tokens.append(contentsOf: repeatElement(Self.none, count: 256))
        }
        tokens[Int(pages[page]) + Int(scalar.value & 0xFF)] = token
    }

    subscript(scalar: Unicode.Scalar) -> UInt32? {
        let token = tokens[Int(pages[Int(scalar.value >> 8)]) + Int(scalar.value & 0xFF)]
        return token == Self.none ? nil : token
    }
}
