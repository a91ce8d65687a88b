/// A text that remembers which of its scalars came from outside, and which from the template.
///
/// Everything that is made of a text keeps that: what a message says can't become a control token by being trimmed,
/// split or joined. Positions are scalars, as in Python.
struct JinjaText: Sendable {
    private(set) var scalars: [Unicode.Scalar]
    /// Where scalars came from outside: ranges in order, which neither touch nor overlap.
    private(set) var outside: [Range<Int>]
    /// Whether it was marked as safe HTML. `+` escapes what is added to such a text.
    var isMarkup = false

    init() { (scalars, outside) = ([], []) }

    init(_ scalars: [Unicode.Scalar], isOutside: Bool = false) {
        self.scalars = scalars
        outside = isOutside && !scalars.isEmpty ? [0..<scalars.count] : []
    }

    init(_ text: String, isOutside: Bool = false) {
        self.init(Array(text.unicodeScalars), isOutside: isOutside)
    }

    var count: Int { scalars.count }
    var isEmpty: Bool { scalars.isEmpty }
    /// The text without the mark of safe HTML.
    var plain: JinjaText { marked(false) }

    func marked(_ isMarkup: Bool) -> JinjaText {
        var marked = self
        marked.isMarkup = isMarkup
        return marked
    }

    /// What it takes up, in scalars: each change of origin is noted in a range.
    var size: Int { count + 8 * outside.count }

    var string: String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        return String(view)
    }

    /// The index in `outside` of the first range that ends after a position.
    private func firstOutside(endingAfter position: Int) -> Int {
        var (low, high) = (0, outside.count)
        while low < high {
            let middle = (low + high) / 2
            if outside[middle].upperBound <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }

    func isOutside(at position: Int) -> Bool {
        let index = firstOutside(endingAfter: position)
        return index < outside.count && outside[index].lowerBound <= position
    }

    /// Whether any scalar came from outside.
    var hasOutside: Bool { !outside.isEmpty }

    mutating func reserve(_ count: Int) { scalars.reserveCapacity(count) }

    mutating func append(_ scalar: Unicode.Scalar, isOutside: Bool) {
        if isOutside { mark(scalars.count..<(scalars.count + 1)) }
        scalars.append(scalar)
    }

    mutating func append(_ string: String, isOutside: Bool = false) {
        let start = scalars.count
        scalars.append(contentsOf: string.unicodeScalars)
        if isOutside, scalars.count > start { mark(start..<scalars.count) }
    }

    mutating func append(_ text: JinjaText) {
        append(text, 0..<text.count)
    }

    /// Appends a part of a text.
    mutating func append(_ text: JinjaText, _ range: Range<Int>) {
        let shift = scalars.count - range.lowerBound
        scalars.append(contentsOf: text.scalars[range])
        var index = text.firstOutside(endingAfter: range.lowerBound)
        while index < text.outside.count, text.outside[index].lowerBound < range.upperBound {
            let part = text.outside[index].clamped(to: range)
            mark((part.lowerBound + shift)..<(part.upperBound + shift))
            index += 1
        }
    }

    /// Notes that a range came from outside, which lies behind all others.
    private mutating func mark(_ range: Range<Int>) {
        if let last = outside.last, last.upperBound == range.lowerBound {
            outside[outside.count - 1] = last.lowerBound..<range.upperBound
        } else {
            outside.append(range)
        }
    }

    subscript(range: Range<Int>) -> JinjaText {
        if range == 0..<count { return self }
        var part = JinjaText()
        part.append(self, range)
        return part
    }

    /// The text with each scalar replaced by what `transform` makes of it, which keeps its origin. Where that is nil, the
    /// scalar stays.
    func mapped(_ transform: (Int, Unicode.Scalar) -> String?) -> JinjaText {
        var result = JinjaText()
        result.scalars.reserveCapacity(count)
        var next = 0
        for (position, scalar) in scalars.enumerated() {
            while next < outside.count, outside[next].upperBound <= position { next += 1 }
            let isOutside = next < outside.count && outside[next].lowerBound <= position
            if let replacement = transform(position, scalar) {
                result.append(replacement, isOutside: isOutside)
            } else {
                result.append(scalar, isOutside: isOutside)
            }
        }
        return result
    }

    /// Its parts, each of one origin.
    func forEachPart(_ body: (ArraySlice<Unicode.Scalar>, _ isOutside: Bool) -> Void) {
        var position = 0
        for range in outside {
            if position < range.lowerBound { body(scalars[position..<range.lowerBound], false) }
            body(scalars[range], true)
            position = range.upperBound
        }
        if position < count { body(scalars[position...], false) }
    }
}

/// Texts are compared by what they say.
extension JinjaText: Hashable {
    static func == (left: JinjaText, right: JinjaText) -> Bool { left.scalars == right.scalars }
    func hash(into hasher: inout Hasher) { hasher.combine(scalars) }
    static func < (left: JinjaText, right: JinjaText) -> Bool { left.scalars.lexicographicallyPrecedes(right.scalars) }
}
