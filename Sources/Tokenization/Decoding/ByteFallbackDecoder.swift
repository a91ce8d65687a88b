/// Turns runs of the tokens `<0x00>` to `<0xFF>` into the characters whose UTF-8 they spell. If any part of a run is not
/// UTF-8, the run becomes one U+FFFD for each of its bytes, so nothing is known before the run ends.
///
/// It needs whole tokens: no step before it may divide them.
struct ByteFallbackDecoder: DecoderStep {
    private var run: [UInt8] = []

    mutating func decode(_ fragments: [TokenFragment]) -> [TokenFragment] {
        var decoded: [TokenFragment] = []
        decoded.reserveCapacity(fragments.count)
        for fragment in fragments {
            if let byte = Self.byte(fragment.bytes) {
                run.append(byte)
            } else {
                if !run.isEmpty { decoded += finish() }
                decoded.append(fragment)
            }
        }
        return decoded
    }

    mutating func finish() -> [TokenFragment] {
        guard !run.isEmpty else { return [] }
        defer { run = [] }
        if String(validating: run, as: UTF8.self) != nil { return [TokenFragment(bytes: run[...])] }
        return run.map { _ in TokenFragment(bytes: ArraySlice("\u{FFFD}".utf8)) }
    }

    /// The byte that a token names.
    static func byte(_ token: ArraySlice<UInt8>) -> UInt8? {
        guard token.count == 6, token.first == UInt8(ascii: "<"), token.last == UInt8(ascii: ">"),
            token.dropFirst().starts(with: "0x".utf8)
        else { return nil }
        return UInt8(token.dropFirst(3).dropLast().text, radix: 16)
    }
}
