import LongLM

/// What tasks draw. The standard library doesn't promise that its own draws stay the same from version to version, so these
/// take nothing but the generator's words.
extension SplitMix64 {
    /// Uniform in 0 ..< count, but for a part in 2³².
    mutating func number(below count: Int) -> Int { Int(next().multipliedFullWidth(by: UInt64(count)).high) }

    /// One of the elements.
    mutating func element<Element>(of elements: [Element]) -> Element { elements[number(below: elements.count)] }

    /// The elements in another order (Fisher and Yates).
    mutating func shuffled<Element>(_ elements: [Element]) -> [Element] {
        var elements = elements
        for end in elements.indices.reversed() where end > 0 { elements.swapAt(end, number(below: end + 1)) }
        return elements
    }

    /// `count` distinct numbers in 0 ..< bound, in the order in which they are drawn. At most `bound`.
    mutating func distinctNumbers(_ count: Int, below bound: Int) -> [Int] {
        // Floyd's: as many draws as numbers.
        var drawn: [Int] = []
        var seen: Set<Int> = []
        for last in max(0, bound - count)..<bound {
            let number = number(below: last + 1)
            let taken = seen.insert(number).inserted ? number : last
            seen.insert(taken)
            drawn.append(taken)
        }
        return drawn
    }

    /// Letters of an alphabet.
    mutating func letters(_ count: Int, of alphabet: String) -> String {
        let letters = Array(alphabet)
        return String((0..<count).map { _ in element(of: letters) })
    }

    /// `count` distinct texts.
    mutating func distinct(
        _ count: Int, besides taken: Set<String> = [], draw: (inout SplitMix64) -> String
    ) -> [String] {
        var texts: [String] = []
        var seen = taken
        while texts.count < count {
            let text = draw(&self)
            if seen.insert(text).inserted { texts.append(text) }
        }
        return texts
    }
}
