/// Values that took long to make, by the text that they were made of. Only a few are kept: those that were used last.
struct RecentValues<Value: Sendable>: Sendable {
    /// Not more, since the tables of one constraint can grow to 100 MB and more.
    private static var limit: Int { 4 }

    /// The one that was used last stands last.
    private var entries: [(key: String, value: Value)] = []

    /// The value for a key, made if it isn't there.
    mutating func value(for key: String, make: () throws(APIError) -> Value) throws(APIError) -> Value {
        if let index = entries.firstIndex(where: { $0.key == key }) {
            entries.append(entries.remove(at: index))
        } else {
            let value = try make()
            if entries.count == Self.limit { entries.removeFirst() }
            entries.append((key, value))
        }
        return entries[entries.count - 1].value
    }
}
