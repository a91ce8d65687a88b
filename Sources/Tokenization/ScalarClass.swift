/// What the split patterns tell apart: `\p{L}`, `\p{N}`, `[\r\n]`, the rest of `\s`, and everything else.
///
/// The classes follow the Unicode version of Swift's standard library. The Python package carries its own (Unicode 16
/// in release 0.23), so characters younger than the older of the two may be split differently.
enum ScalarClass {
    case letter
    case number
    case newline
    case space
    case other

    init(_ scalar: Unicode.Scalar) {
        switch scalar.value {
        case 0x41...0x5A, 0x61...0x7A: self = .letter
        case 0x30...0x39: self = .number
        case 0x0A, 0x0D: self = .newline
        case 0x09, 0x0B, 0x0C, 0x20: self = .space
        case ..<0x80: self = .other
        default: self = Self.ofNonASCII(scalar)
        }
    }

    private static func ofNonASCII(_ scalar: Unicode.Scalar) -> ScalarClass {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: .letter
        case .decimalNumber, .letterNumber, .otherNumber: .number
        default: scalar.properties.isWhitespace ? .space : .other
        }
    }

    var isWhitespace: Bool { self == .space || self == .newline }
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
