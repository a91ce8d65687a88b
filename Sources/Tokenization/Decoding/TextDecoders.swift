/// Puts a space between tokens: what a tokenizer without a decoder does.
struct JoiningDecoder: DecoderStep {
    private var hasStarted = false

    mutating func decode(_ fragments: [TokenFragment]) -> [TokenFragment] {
        fragments.map { fragment in
            defer { hasStarted = true }
            guard hasStarted, fragment.startsToken else { return fragment }
            var joined = fragment
            joined.bytes = [UInt8(ascii: " ")] + fragment.bytes
            return joined
        }
    }

    mutating func finish() -> [TokenFragment] {
        hasStarted = false
        return []
    }
}

/// Joins all tokens into one.
struct FuseDecoder: DecoderStep {
    private var hasStarted = false

    mutating func decode(_ fragments: [TokenFragment]) -> [TokenFragment] {
        guard !fragments.isEmpty else { return [] }
        defer { hasStarted = true }
        var fused: [UInt8] = []
        fused.reserveCapacity(fragments.reduce(0) { $0 + $1.bytes.count })
        for fragment in fragments { fused.append(contentsOf: fragment.bytes) }
        return [TokenFragment(bytes: fused[...], startsToken: !hasStarted, endsToken: false)]
    }

    mutating func finish() -> [TokenFragment] {
        hasStarted = false
        return []
    }
}

/// Turns SentencePiece's replacement characters into spaces. Those of the first token are dropped when the pre-tokenizer
/// has put one there.
struct MetaspaceDecoder: DecoderStep {
    let dropsFirst: Bool
    private let replacement: [UInt8]
    private var replacer: ByteReplacer
    private var tokenCount = 0

    init(replacement: Unicode.Scalar, dropsFirst: Bool) {
        self.replacement = Array(String(replacement).utf8)
        self.dropsFirst = dropsFirst
        replacer = ByteReplacer(self.replacement)
    }

    mutating func decode(_ fragments: [TokenFragment]) -> [TokenFragment] {
        fragments.map { fragment in
            if fragment.startsToken { tokenCount += 1 }
            let space = dropsFirst && tokenCount == 1 ? [] : [UInt8(ascii: " ")]
            guard fragment.bytes.contains(replacement[0]) else { return fragment }
            var spaced = fragment
            spaced.bytes = (replacer.replace(fragment.bytes, by: space) + replacer.finish())[...]
            return spaced
        }
    }

    mutating func finish() -> [TokenFragment] {
        tokenCount = 0
        return []
    }
}

/// Replaces a text within each token. An ending that could be the beginning of that text waits.
struct ReplaceDecoder: DecoderStep {
    let pattern: [UInt8]
    let content: [UInt8]
    private var replacer: ByteReplacer

    /// - Parameter pattern: not empty.
    init(pattern: [UInt8], content: [UInt8]) {
        self.pattern = pattern
        self.content = content
        replacer = ByteReplacer(pattern)
    }

    mutating func decode(_ fragments: [TokenFragment]) -> [TokenFragment] {
        var decoded: [TokenFragment] = []
        decoded.reserveCapacity(fragments.count)
        for fragment in fragments {
            if fragment.startsToken, !replacer.isIdle { decoded += finish() }
            // Most tokens hold nothing to replace, and are not copied.
            if replacer.isIdle, !fragment.bytes.contains(pattern[0]) {
                decoded.append(fragment)
                continue
            }
            var replaced = replacer.replace(fragment.bytes, by: content)
            if fragment.endsToken { replaced += replacer.finish() }
            decoded.append(
                TokenFragment(bytes: replaced[...], startsToken: fragment.startsToken, endsToken: fragment.endsToken))
        }
        return decoded
    }

    mutating func finish() -> [TokenFragment] {
        let rest = replacer.finish()
        return rest.isEmpty ? [] : [TokenFragment(bytes: rest[...], startsToken: false)]
    }
}

/// Removes one character from the start and the end of each token, up to a number of times at each.
struct StripDecoder: DecoderStep {
    let content: [UInt8]
    let start: Int
    let stop: Int
    /// How many may still be removed from the start of the token; 0 after the first other character.
    private var startsLeft = 0
    /// How many of the character came last. They may be the token's end. No more than `stop`.
    private var held = 0

    init(content: Unicode.Scalar, start: Int, stop: Int) {
        self.content = Array(String(content).utf8)
        self.start = start
        self.stop = stop
    }

    mutating func decode(_ fragments: [TokenFragment]) -> [TokenFragment] {
        fragments.map { fragment in
            if fragment.startsToken { (startsLeft, held) = (start, 0) }
            var stripped = fragment
            stripped.bytes = strip(fragment.bytes)
            return stripped
        }
    }

    private mutating func strip(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = text
        while startsLeft > 0, rest.first == content[0], rest.starts(with: content) {
            rest.removeFirst(content.count)
            startsLeft -= 1
        }
        if !rest.isEmpty { startsLeft = 0 }
        guard stop > 0 else { return rest }
        if held > 0 { rest = repeatElement(content, count: held).joined() + rest }
        held = 0
        while held < stop, rest.last == content.last, rest.suffix(content.count).elementsEqual(content) {
            rest.removeLast(content.count)
            held += 1
        }
        return rest
    }

    mutating func finish() -> [TokenFragment] {
        (startsLeft, held) = (0, 0)
        return []
    }
}
