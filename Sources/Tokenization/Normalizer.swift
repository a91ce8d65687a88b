import Foundation

/// A change to text before it is split.
enum Normalizer: Sendable {
    case none
    /// Unicode normalization form C.
    case nfc

    func normalize(_ text: ArraySlice<Unicode.Scalar>) -> ArraySlice<Unicode.Scalar> {
        switch self {
        case .none:
            return text
        case .nfc:
            // Every string of scalars below U+0300, the first combining mark, is in form C.
            guard text.contains(where: { $0.value >= 0x300 }) else { return text }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: text)
            return ArraySlice(String(view).precomposedStringWithCanonicalMapping.unicodeScalars)
        }
    }
}
