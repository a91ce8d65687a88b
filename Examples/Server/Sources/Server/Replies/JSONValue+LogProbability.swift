extension JSONValue {
    /// A log probability; null for nil. JSON has no infinity, and OpenAI writes -9999 for what is as good as impossible.
    static func logProbability(_ value: Double?) -> JSONValue {
        value.map { .double($0 > -9999 ? $0 : -9999) } ?? .null
    }
}
