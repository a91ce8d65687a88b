/// A part of a sweep: every N-th cell, or prompt with its cells, from the K-th on.
public struct Shard: Sendable, Equatable {
    /// K, from 1 to N.
    public let index: Int
    /// N.
    public let count: Int

    /// Reads `K/N`; nil: the text has another form.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 2, let index = parts[0], let count = parts[1], index >= 1, index <= count else {
            return nil
        }
        self.index = index
        self.count = count
    }

    /// `K/N`.
    public var name: String { "\(index)/\(count)" }

    /// Whether the part has the cell or prompt with this number, from 0.
    func contains(_ number: Int) -> Bool { number % count == index - 1 }
}
