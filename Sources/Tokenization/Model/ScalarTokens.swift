/// The tokens that are spelled with one scalar, by that scalar: where byte-pair encoding of a word begins.
///
/// A table of pages, because it is asked for each scalar of a text.
struct ScalarTokens: Sendable {
    private static let none = UInt32.max

    /// Where in `tokens` the 256 scalars begin that share all but their low byte; page 0 is empty.
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
