import Foundation

/// What a sweep was made from, as the first line of its file. Rows belong to one sweep when their headers are equal.
public protocol SweepHeader: Sendable, Codable, Equatable {
    /// A line of the file.
    associatedtype Row: SweepRow

    /// The name of the format that this release writes.
    static var currentFormat: String { get }
    /// What the sweep is called in errors, such as `needle sweep`.
    static var sweepName: String { get }
    /// The name of the file's format.
    var format: String { get }
    /// K/N of a part; nil: the whole sweep.
    var shard: String? { get set }
    /// The number of rows of the whole sweep.
    var rowCount: Int { get }

    /// Whether a row is one of the whole sweep.
    func contains(_ row: Row) -> Bool
    /// The fields but for the part, with their names, and whether another header's differ.
    func differences(from other: Self) -> [(name: String, differs: Bool)]
}

extension SweepHeader {
    /// The name of the first field that differs from another header's; nil: there is none.
    ///
    /// - Parameter ignoresShard: Whether parts of one sweep count as equal.
    func difference(from other: Self, ignoresShard: Bool) -> String? {
        differences(from: other).first { $0.differs }?.name ?? (ignoresShard || shard == other.shard ? nil : "shard")
    }
}

/// The product of sizes that a file states: 0 if one of them is negative, and `Int.max` if it is greater than that.
func boundedProduct(_ sizes: [Int]) -> Int {
    sizes.reduce(1) { product, size in
        let (value, overflows) = product.multipliedReportingOverflow(by: max(size, 0))
        return overflows ? .max : value
    }
}

/// The result of one cell of a sweep.
public protocol SweepRow: Sendable, Codable, Equatable {
    /// What tells a row from the others of its sweep.
    associatedtype Key: Sendable, Hashable

    /// The row's place in the order in which a whole sweep runs, from 0.
    var cell: Int { get }
    /// The row's cell.
    var key: Key { get }
    /// The cell in words, for errors.
    var place: String { get }
}

extension SweepRow {
    /// The row as JSON, with a line break.
    ///
    /// - Throws: ``EvaluationError/invalidSetting(_:)`` when one of its values is not a number.
    public func jsonLine() throws(EvaluationError) -> String { try LongLMEvaluation.jsonLine(self) }
}

/// The name of the format in a sweep's file, as its header has it; nil: the first line is no header of any sweep.
///
/// - Throws: ``EvaluationError/file(_:reason:)``.
public func sweepFormat(ofFile path: String) throws(EvaluationError) -> String? {
    struct Format: Decodable { let format: String }
    let line = try readFile(path).prefix { $0 != UInt8(ascii: "\n") }
    return try? JSONDecoder().decode(Format.self, from: line).format
}
