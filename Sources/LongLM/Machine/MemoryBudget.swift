import Synchronization

/// The memory that a model's weights and sessions may take, and what of it they have reserved.
///
/// Whoever needs memory reserves the most that it can come to before it takes any, and keeps the reservation as long
/// as the memory:
///
///     reservation = try model.memory.reserve(byteCount, for: .session(length: capacity, cacheFormat: cacheFormat))
///     reservation.usedByteCount = ...  // as memory is written
package final class MemoryBudget: Sendable {
    /// The most that all reservations may come to, in bytes; nil: as much as the machine has.
    package let limit: Int?
    private let ledger: MemoryLedger
    private let reserved = Mutex(0)

    /// A budget of which nothing is reserved.
    ///
    /// - Parameters:
    ///   - limit: In bytes, at least 0.
    ///   - ledger: What the machine has.
    package init(limit: Int?, ledger: MemoryLedger = .shared) {
        self.limit = limit
        self.ledger = ledger
    }

    /// The bytes that are reserved now.
    package var reservedByteCount: Int { reserved.withLock { $0 } }

    /// Reserves memory until the reservation's last reference goes.
    ///
    /// - Parameters:
    ///   - byteCount: The most that will be taken, at least 0.
    ///   - purpose: For what.
    /// - Throws: ``MemoryShortage`` when the limit doesn't leave so much, or the machine doesn't; nothing is reserved
    ///   then.
    package func reserve(
        _ byteCount: Int, for purpose: MemoryShortage.Purpose
    ) throws(MemoryShortage) -> MemoryReservation {
        precondition(byteCount >= 0, "a size in bytes")
        try reserved.withLock { (reserved) throws(MemoryShortage) in
            if let limit, byteCount > limit - reserved {
                throw MemoryShortage(
                    purpose: purpose, neededByteCount: byteCount, availableByteCount: limit - reserved,
                    limit: .option(byteCount: limit))
            }
            try ledger.add(byteCount, for: purpose)
            reserved += byteCount
        }
        return MemoryReservation(byteCount, budget: self)
    }

    fileprivate func release(_ byteCount: Int, used: Int) {
        reserved.withLock { $0 -= byteCount }
        ledger.subtract(byteCount - used)
    }

    fileprivate func use(_ byteCount: Int) { ledger.subtract(byteCount) }
}

/// Memory that somebody may take. It is given back with the last reference.
package final class MemoryReservation: Sendable {
    /// The most that may be taken, in bytes.
    package let byteCount: Int
    private let budget: MemoryBudget
    private let used = Mutex(0)

    fileprivate init(_ byteCount: Int, budget: MemoryBudget) {
        self.byteCount = byteCount
        self.budget = budget
    }

    deinit { budget.release(byteCount, used: usedByteCount) }

    /// How much of it has been taken so far, between 0 and ``byteCount``, to which other values are moved; 0 at first.
    ///
    /// The machine's own figures show what has been taken, and only that: the rest is what others may not have. Memory
    /// that is allocated and not yet written isn't seen by the machine either, so set this once it is written.
    package var usedByteCount: Int {
        get { used.withLock { $0 } }
        set {
            used.withLock { used in
                let now = min(max(newValue, 0), byteCount)
                budget.use(now - used)
                used = now
            }
        }
    }
}

/// What the machine has left, beside what has been reserved and not been taken yet: one ledger for all models of a
/// process.
package final class MemoryLedger: Sendable {
    /// This machine's.
    package static let shared = MemoryLedger { MachineMemory().availableByteCount() }

    private let available: @Sendable () -> Int?
    private let pending = Mutex(0)

    /// An empty ledger.
    ///
    /// - Parameter available: The bytes that the machine can still give; nil where nobody says.
    package init(available: @escaping @Sendable () -> Int?) { self.available = available }

    /// The bytes that have been reserved and not been taken.
    package var pendingByteCount: Int { pending.withLock { $0 } }

    fileprivate func add(_ byteCount: Int, for purpose: MemoryShortage.Purpose) throws(MemoryShortage) {
        try pending.withLock { (pending) throws(MemoryShortage) in
            if let available = available() {
                let left = max(0, available - pending)
                guard byteCount <= left else {
                    throw MemoryShortage(
                        purpose: purpose, neededByteCount: byteCount, availableByteCount: left, limit: .machine)
                }
            }
            pending += byteCount
        }
    }

    fileprivate func subtract(_ byteCount: Int) { pending.withLock { $0 -= byteCount } }
}
