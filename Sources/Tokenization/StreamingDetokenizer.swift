/// Decodes tokens one at a time, for text that is shown while it is generated.
///
/// A character can be spread over several tokens; its bytes wait here until it is complete. What ``append(_:)`` and
/// ``finish()`` return, put together, is what ``Tokenizer/decode(_:skipSpecialTokens:)`` returns for all ids at once.
public struct StreamingDetokenizer: Sendable {
    private let tokenizer: Tokenizer
    private let skipSpecialTokens: Bool
    private var pending: [UInt8] = []

    init(tokenizer: Tokenizer, skipSpecialTokens: Bool) {
        self.tokenizer = tokenizer
        self.skipSpecialTokens = skipSpecialTokens
    }

    /// Adds a token.
    ///
    /// - Returns: the text that is complete by now and was not returned before; may be empty.
    /// - Throws: `unknownTokenID`; the state is then as before the call.
    public mutating func append(_ id: Int) throws(TokenizerError) -> String {
        pending += try tokenizer.bytes(of: id, skipSpecialTokens: skipSpecialTokens)
        let complete = pending.count - pending.incompleteSuffixCount
        defer { pending.removeFirst(complete) }
        return pending[..<complete].text
    }

    /// Ends the stream.
    ///
    /// - Returns: U+FFFD for the bytes of a character that was never completed; empty if there are none. Afterwards
    ///   the detokenizer is as new.
    public mutating func finish() -> String {
        defer { pending = [] }
        return pending.text
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
