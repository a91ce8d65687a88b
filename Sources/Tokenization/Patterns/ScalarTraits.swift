/// What patterns ask about a scalar: its general category, whether it is white space, and whether it belongs to a word.
///
/// The answers follow the Unicode version of Swift's standard library. The Python package has its own (Unicode 16 in
/// release 0.23), so a character that only one of the two versions knows may be split differently.
struct ScalarTraits: Sendable {
    private static let whitespaceBit = UInt8(0x20)
    private static let wordBit = UInt8(0x40)

    private let bits: UInt8

    /// The general category as a mask of one bit; see ``GeneralCategories``.
    var categoryMask: UInt32 { 1 << UInt32(bits & 0x1F) }
    var isWhitespace: Bool { bits & Self.whitespaceBit != 0 }
    var isWord: Bool { bits & Self.wordBit != 0 }

    /// Asking the standard library takes longer than encoding does, so a table holds the basic plane.
    private static let basicPlane: [ScalarTraits] = (0...0xFFFF as ClosedRange<UInt32>).map { value in
        ScalarTraits(computing: Unicode.Scalar(value) ?? "\u{FFFD}")
    }

    init(_ scalar: Unicode.Scalar) {
        self = scalar.value < 0x10000 ? Self.basicPlane[Int(scalar.value)] : ScalarTraits(computing: scalar)
    }

    private init(computing scalar: Unicode.Scalar) {
        let properties = scalar.properties
        bits =
            GeneralCategories.index(of: properties.generalCategory)
            | (properties.isWhitespace ? Self.whitespaceBit : 0) | (scalar.isWordCharacter ? Self.wordBit : 0)
    }
}

/// Unicode's general categories by the names that patterns give them: `L` for all letters, `Lu` for upper case.
enum GeneralCategories {
    private static let names = [
        "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po",
        "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn",
    ]

    /// A mask of every category.
    static let all: UInt32 = (1 << 30) - 1

    /// The categories that a name stands for; nil when it names none.
    static func mask(name: String) -> UInt32? {
        var mask: UInt32 = 0
        for (index, category) in names.enumerated() where category == name || String(category.prefix(1)) == name {
            mask |= 1 << UInt32(index)
        }
        return mask == 0 ? nil : mask
    }

    static func index(of category: Unicode.GeneralCategory) -> UInt8 {
        switch category {
        case .uppercaseLetter: 0
        case .lowercaseLetter: 1
        case .titlecaseLetter: 2
        case .modifierLetter: 3
        case .otherLetter: 4
        case .nonspacingMark: 5
        case .spacingMark: 6
        case .enclosingMark: 7
        case .decimalNumber: 8
        case .letterNumber: 9
        case .otherNumber: 10
        case .connectorPunctuation: 11
        case .dashPunctuation: 12
        case .openPunctuation: 13
        case .closePunctuation: 14
        case .initialPunctuation: 15
        case .finalPunctuation: 16
        case .otherPunctuation: 17
        case .mathSymbol: 18
        case .currencySymbol: 19
        case .modifierSymbol: 20
        case .otherSymbol: 21
        case .spaceSeparator: 22
        case .lineSeparator: 23
        case .paragraphSeparator: 24
        case .control: 25
        case .format: 26
        case .surrogate: 27
        case .privateUse: 28
        case .unassigned: 29
        @unknown default: 29
        }
    }
}

extension Unicode.Scalar {
    /// `\w` of Unicode Technical Standard 18, annex C.
    var isWordCharacter: Bool {
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: true
        default: properties.isAlphabetic || properties.isJoinControl
        }
    }
}
