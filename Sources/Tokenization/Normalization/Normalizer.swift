import Foundation

/// A text, or a part of one, on its way through normalization and pre-tokenization.
struct TextPiece: Sendable {
    var scalars: ArraySlice<Unicode.Scalar>
    /// Whether it begins where the whole text does. A Metaspace pre-tokenizer can depend on that.
    var startsText: Bool
}

/// A change to text before it is split.
indirect enum Normalizer: Sendable {
    /// Unicode normalization forms.
    enum Form: String {
        case nfc = "NFC"
        case nfd = "NFD"
        case nfkc = "NFKC"
        case nfkd = "NFKD"
    }

    case none
    case form(Form)
    case lowercase
    /// Puts this text in front of any text that is not empty.
    case prepend([Unicode.Scalar])
    case replace(TextMatcher, [Unicode.Scalar])
    /// Removes white space from the ends.
    case strip(left: Bool, right: Bool)
    case sequence([Normalizer])

    func normalize(_ piece: TextPiece) -> TextPiece {
        switch self {
        case .none: piece
        case .form(let form): piece.replacing(form.normalize(piece.scalars))
        case .lowercase: piece.replacing(Self.lowercased(piece.scalars))
        case .prepend(let text): piece.scalars.isEmpty ? piece : piece.replacing(text + piece.scalars)
        case .replace(let matcher, let content): Self.replace(matcher, by: content, in: piece)
        case .strip(let left, let right): Self.strip(piece, left: left, right: right)
        case .sequence(let normalizers): normalizers.reduce(piece) { $1.normalize($0) }
        }
    }

    /// Each scalar by itself: a capital sigma at the end of a word becomes σ like any other.
    private static func lowercased(_ text: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
        ArraySlice(text.flatMap { $0.properties.lowercaseMapping.unicodeScalars })
    }

    private static func replace(
        _ matcher: TextMatcher, by content: [Unicode.Scalar], in piece: TextPiece
    ) -> TextPiece {
        var replaced: [Unicode.Scalar] = []
        replaced.reserveCapacity(piece.scalars.count)
        var losesStart = false
        matcher.forEachSpan(in: piece.scalars) { span, isMatch in
            if !isMatch {
                replaced += piece.scalars[span]
            } else {
                if replaced.isEmpty, content.isEmpty { losesStart = true }
                replaced += content
            }
        }
        return TextPiece(scalars: replaced[...], startsText: piece.startsText && !losesStart)
    }

    private static func strip(_ piece: TextPiece, left: Bool, right: Bool) -> TextPiece {
        var scalars = piece.scalars
        if left { scalars = scalars.drop { $0.properties.isWhitespace } }
        if right { while scalars.last?.properties.isWhitespace == true { scalars.removeLast() } }
        let keepsStart = scalars.startIndex == piece.scalars.startIndex
        return TextPiece(scalars: scalars, startsText: piece.startsText && keepsStart)
    }
}

extension TextPiece {
    /// The same place in the text, with other scalars.
    fileprivate func replacing(_ scalars: some Sequence<Unicode.Scalar>) -> TextPiece {
        TextPiece(scalars: ArraySlice(scalars), startsText: startsText)
    }
}

extension Normalizer.Form {
    /// A text of scalars below this one is already in the form. U+0300 is the first combining mark, U+00A0 the first
    /// compatibility character, and U+00C0 the first composed one.
    private var firstAffected: UInt32 {
        switch self {
        case .nfc: 0x300
        case .nfd: 0xC0
        case .nfkc, .nfkd: 0xA0
        }
    }

    fileprivate func normalize(_ text: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
        guard text.contains(where: { $0.value >= firstAffected }) else { return text }
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text)
        let string = String(view)
        let normalized =
            switch self {
            case .nfc: string.precomposedStringWithCanonicalMapping
            case .nfd: string.decomposedStringWithCanonicalMapping
            case .nfkc: string.precomposedStringWithCompatibilityMapping
            case .nfkd: string.decomposedStringWithCompatibilityMapping
            }
        return ArraySlice(normalized.unicodeScalars)
    }
}
