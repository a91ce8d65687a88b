/// Values that took long to make, by the text that they were made of, and why others couldn't be made. Only a few of each are
/// kept.
struct RecentValues<Value: Sendable, Failure: Error>: Sendable {
    /// Not more, since a constraint keeps the tables of one text, which can grow to 100 MB.
    private static var limit: Int { 4 }

    /// The one that was used last stands last.
    private var values: [(key: String, value: Value)] = []
    /// The newest stands last.
    private var failures: [(key: String, error: Failure)] = []

    /// The value for a key, made if it isn't there.
    mutating func value(for key: String, make: () throws(Failure) -> Value) throws(Failure) -> Value {
        if let index = values.firstIndex(where: { $0.key == key }) {
            values.append(values.remove(at: index))
            return values[values.count - 1].value
        }
        if let failure = failures.first(where: { $0.key == key }) { throw failure.error }
        do throws(Failure) {
            let value = try make()
            if values.count == Self.limit { values.removeFirst() }
            values.append((key, value))
            return value
        } catch {
            if failures.count == Self.limit { failures.removeFirst() }
            failures.append((key, error))
            throw error
        }
    }
}
