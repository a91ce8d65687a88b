/// Joins the bytes that all tokens spell in ``ByteLevelAlphabet``. Bytes that are not UTF-8 become U+FFFD. An incomplete
/// character at the end waits for more bytes.
struct ByteLevelDecoder: DecoderStep {
    private var pending: [UInt8] = []
    private var hasStarted = false

    mutating func decode(_ fragments: [TokenFragment]) -> [TokenFragment] {
        for fragment in fragments { ByteLevelAlphabet.decode(fragment.bytes, to: &pending) }
        let complete = pending.count - pending.incompleteSuffixCount
        defer { pending.removeFirst(complete) }
        return fragment(pending[..<complete])
    }

    mutating func finish() -> [TokenFragment] {
        let last = fragment(pending[...])
        self = ByteLevelDecoder()
        return last
    }

    private mutating func fragment(_ bytes: ArraySlice<UInt8>) -> [TokenFragment] {
        guard !bytes.isEmpty else { return [] }
        defer { hasStarted = true }
        return [TokenFragment(bytes: ArraySlice(bytes.text.utf8), startsToken: !hasStarted, endsToken: false)]
    }
}

extension [UInt8] {
    /// How many bytes at the end are the start of a UTF-8 sequence that more bytes could complete: 0 to 3.
    fileprivate var incompleteSuffixCount: Int {
        for length in 1...3 where length <= count {
            let first = self[count - length]
            let isContinuation = first & 0xC0 == 0x80
            if isContinuation { continue }
            let second = length > 1 ? self[count - length + 1] : nil
            return length < Self.sequenceLength(first: first, second: second) ? length : 0
        }
        return 0
    }

    /// The length of the UTF-8 sequence with these first bytes; 1 when no sequence starts with them.
    /// Source: table 3-7 of the Unicode Standard.
    private static func sequenceLength(first: UInt8, second: UInt8?) -> Int {
        let (length, allowed): (Int, ClosedRange<UInt8>) =
            switch first {
            case 0xC2...0xDF: (2, 0x80...0xBF)
            case 0xE0: (3, 0xA0...0xBF)
            case 0xED: (3, 0x80...0x9F)
            case 0xE1...0xEF: (3, 0x80...0xBF)
            case 0xF0: (4, 0x90...0xBF)
            case 0xF1...0xF3: (4, 0x80...0xBF)
            case 0xF4: (4, 0x80...0x8F)
            default: (1, 0x80...0xBF)
            }
        if let second, !allowed.contains(second) { return 1 }
        return length
    }
}
