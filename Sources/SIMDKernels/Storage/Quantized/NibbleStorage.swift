import CLongLM

/// A quantised format whose codes are the halves of bytes.
protocol NibbleStorage: QuantizedStorage {
    /// Which word of a block holds a quad's codes, and from which bit of its bytes on: 0 or 4.
    static func place(span: Int, quad: Int) -> (word: Int, shift: Int)

    /// Whether codes stand for the values of IQ4_NL and IQ4_XS.
    static var isIQ4: Bool { get }
}

extension NibbleStorage {
    @inline(always) static var isIQ4: Bool { false }

    @inline(always)
    static func codes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> Lanes {
        let place = place(span: span, quad: quad)
        let codes = word(place.word, of: block, at: row).masked(shift: place.shift, 0x0f0f_0f0f)
        return isIQ4 ? Widen.iq4Codes(codes) : codes
    }

    @inline(always)
    static func numbers<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, span: Int, quad: Int, _: Widen.Type
    ) -> QuadNumbers {
        let place = place(span: span, quad: quad)
        return Widen.nibbles(
            word(place.word, of: block, at: row), from: place.shift, asIQ4: isIQ4)
    }
}
