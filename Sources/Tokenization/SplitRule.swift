/// A rule that cuts text into consecutive pieces.
///
/// The patterns are regular expressions in tokenizer.json. Only a few are in use, so each is a scanner written by hand
/// and found by its exact source; every scalar matches some alternative, so pieces leave no gaps.
enum SplitRule: Sendable {
    /// Numbers (`\p{N}`) apart from everything else; each digit by itself, or runs of them.
    case digits(individual: Bool)
    /// GPT-2's pattern, also that of SmolLM2.
    case gpt2
    /// Llama 3's pattern, and that of Qwen 2, which differs in `maximumDigits` (3 and 1) alone.
    case llama3(maximumDigits: Int)

    private static let patterns: [(source: String, rule: SplitRule)] = [
        (
            #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#,
            .gpt2
        ),
        (
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"#
                + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            .llama3(maximumDigits: 3)
        ),
        (
            #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"#
                + #"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            .llama3(maximumDigits: 1)
        ),
    ]

    /// The rule for the source of a regular expression; nil when it is not a known one.
    init?(pattern: [UInt8]) {
        guard let known = Self.patterns.first(where: { $0.source.utf8.elementsEqual(pattern) }) else { return nil }
        self = known.rule
    }

    /// Where the piece that starts at `start` ends. `start` is an index of `text`.
    func end(ofPieceAt start: Int, in text: ArraySlice<Unicode.Scalar>) -> Int {
        let scanner = Scanner(text: text)
        return switch self {
        case .digits(let individual): scanner.endOfDigits(at: start, individual: individual)
        case .gpt2: scanner.endOfGPT2Piece(at: start)
        case .llama3(let maximumDigits): scanner.endOfLlama3Piece(at: start, maximumDigits: maximumDigits)
        }
    }
}

/// The alternatives of the patterns, in the order in which a regular expression tries them.
private struct Scanner {
    let text: ArraySlice<Unicode.Scalar>

    /// The class of the scalar at an index, nil at the end.
    private func scalarClass(at index: Int) -> ScalarClass? {
        index < text.endIndex ? ScalarClass(text[index]) : nil
    }

    /// Looks no further than `maximum` scalars, so that cutting a long run into short pieces stays linear.
    private func endOfRun(of wanted: ScalarClass, at start: Int, maximum: Int = .max) -> Int {
        var end = start
        while end - start < maximum, scalarClass(at: end) == wanted { end += 1 }
        return end
    }

    func endOfDigits(at start: Int, individual: Bool) -> Int {
        let isNumber = scalarClass(at: start) == .number
        var end = start + 1
        if isNumber && individual { return end }
        while let next = scalarClass(at: end), (next == .number) == isNumber { end += 1 }
        return end
    }

    func endOfGPT2Piece(at start: Int) -> Int {
        if let end = endOfContraction(at: start, ignoringCase: false) { return end }
        let first = text[start] == " " ? start + 1 : start
        switch scalarClass(at: first) {
        case .letter: return endOfRun(of: .letter, at: first)
        case .number: return endOfRun(of: .number, at: first)
        case .other: return endOfRun(of: .other, at: first)
        default: return endOfWhitespace(at: start)
        }
    }

    func endOfLlama3Piece(at start: Int, maximumDigits: Int) -> Int {
        if let end = endOfContraction(at: start, ignoringCase: true) { return end }
        switch ScalarClass(text[start]) {
        case .letter:
            return endOfRun(of: .letter, at: start)
        case .number:
            return endOfRun(of: .number, at: start, maximum: maximumDigits)
        case .newline:
            return endOfLines(at: start)
        case .other:
            if scalarClass(at: start + 1) == .letter { return endOfRun(of: .letter, at: start + 1) }
            return endOfPunctuation(at: start)
        case .space:
            if scalarClass(at: start + 1) == .letter { return endOfRun(of: .letter, at: start + 1) }
            if text[start] == " ", scalarClass(at: start + 1) == .other { return endOfPunctuation(at: start + 1) }
            return endOfLines(at: start)
        }
    }

    /// `'s|'t|'re|'ve|'m|'ll|'d`
    private func endOfContraction(at start: Int, ignoringCase: Bool) -> Int? {
        guard text[start] == "'", start + 1 < text.endIndex else { return nil }
        switch folded(text[start + 1], ignoringCase) {
        case "s", "t", "m", "d":
            return start + 2
        case "r", "v":
            return follows("e", start + 2, ignoringCase) ? start + 3 : nil
        case "l":
            return follows("l", start + 2, ignoringCase) ? start + 3 : nil
        default:
            return nil
        }
    }

    private func follows(_ letter: Unicode.Scalar, _ index: Int, _ ignoringCase: Bool) -> Bool {
        index < text.endIndex && folded(text[index], ignoringCase) == letter
    }

    /// Simple case folding of the letters that occur in contractions; U+017F (ſ) folds to s.
    private func folded(_ scalar: Unicode.Scalar, _ ignoringCase: Bool) -> Unicode.Scalar {
        guard ignoringCase else { return scalar }
        switch scalar.value {
        case 0x41...0x5A: return Unicode.Scalar(UInt8(scalar.value) | 0x20)
        case 0x17F: return "s"
        default: return scalar
        }
    }

    /// `[^\s\p{L}\p{N}]+[\r\n]*`
    private func endOfPunctuation(at start: Int) -> Int {
        endOfRun(of: .newline, at: endOfRun(of: .other, at: start))
    }

    /// `\s*[\r\n]+|\s+(?!\S)|\s+`: through the last line break of the white space, if it has one.
    private func endOfLines(at start: Int) -> Int {
        var end = start
        var afterLineBreak: Int?
        while let next = scalarClass(at: end), next.isWhitespace {
            end += 1
            if next == .newline { afterLineBreak = end }
        }
        return afterLineBreak ?? endOfWhitespace(at: start)
    }

    /// `\s+(?!\S)|\s+`: white space, but its last character is left to a word that follows.
    private func endOfWhitespace(at start: Int) -> Int {
        var end = start
        while let next = scalarClass(at: end), next.isWhitespace { end += 1 }
        return end < text.endIndex && end - start > 1 ? end - 1 : end
    }
}
