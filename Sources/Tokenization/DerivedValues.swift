import Synchronization

/// Values that are derived from something constant, each computed once, when it is first needed.
package final class DerivedValues: Sendable {
    private let values = Mutex<[ObjectIdentifier: any Sendable]>([:])

    init() {}

    /// The value of a type; computes it if there is none. Others that want one wait for it.
    package func value<Value: Sendable>(_ compute: () -> Value) -> Value {
        values.withLock { values in
            if let value = values[ObjectIdentifier(Value.self)] as? Value { return value }
            let value = compute()
            values[ObjectIdentifier(Value.self)] = value
            return value
        }
    }
}
