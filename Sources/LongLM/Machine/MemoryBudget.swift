import Synchronization

/// The memory that a model's weights and sessions may take, and how much of it they have reserved.
///
/// Before an object takes memory, it reserves the most that it can ever need. It keeps the reservation as long as the
/// memory:
///
///     reservation = try model.memory.reserve(byteCount, for: .session(length: capacity, cacheFormat: cacheFormat))
///     reservation.usedByteCount = ...  // as memory is written
package final class MemoryBudget: Sendable {
    /// The most bytes that all reservations together may have; nil: as many as the machine has.
    package let limit: Int?
    private let ledger: MemoryLedger
    private let reserved = Mutex(0)

    /// A budget without reservations.
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

    /// Reserves memory until the last reference to the reservation is gone.
    ///
    /// - Parameters:
    ///   - byteCount: The most that will be taken, at least 0.
    ///   - purpose: What the memory is for.
    /// - Throws: ``MemoryShortage`` if the limit or the machine doesn't leave enough. Nothing is reserved then.
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

/// A right to take memory. It ends with the last reference, or when it is given up.
package final class MemoryReservation: Sendable {
    private struct Amounts {
        var byteCount: Int
        var used = 0
    }

    private let budget: MemoryBudget
    private let amounts: Mutex<Amounts>

    fileprivate init(_ byteCount: Int, budget: MemoryBudget) {
        self.budget = budget
        amounts = Mutex(Amounts(byteCount: byteCount))
    }

    deinit { giveUp() }

    /// The most that may be taken, in bytes.
    package var byteCount: Int { amounts.withLock { $0.byteCount } }

    /// Gives all of it back, for memory that is about to be freed or to be reserved anew.
    package func giveUp() {
        amounts.withLock { amounts in
            budget.release(amounts.byteCount, used: amounts.used)
            amounts = Amounts(byteCount: 0)
        }
    }

    /// How much of it has been taken so far; 0 at first. A value outside of 0 … ``byteCount`` is clamped.
    ///
    /// The machine's figures include only what has been taken, so the rest is withheld from others here. Those figures
    /// don't include memory that is allocated but not yet written either, so set this once it is written.
    package var usedByteCount: Int {
        get { amounts.withLock { $0.used } }
        set {
            amounts.withLock { amounts in
                let now = min(max(newValue, 0), amounts.byteCount)
                budget.use(now - amounts.used)
                amounts.used = now
            }
        }
    }
}

/// What the machine has left, minus what has been reserved but not yet taken. All models of a process share one ledger.
///
/// Reading the machine's figures opens some 16 files, and meanwhile nobody else can reserve memory. Small reservations, as
/// for one token's logits, need no reading of their own: after a reading, a thousandth of what is left is granted without
/// another.
package final class MemoryLedger: Sendable {
    private struct Amounts {
        /// Reserved but not yet taken.
        var pending = 0
        /// What is granted without another reading.
        var margin = 0
    }

    /// This machine's.
    package static let shared = MemoryLedger(grants: MachineMemory.grants) { MachineMemory().availableByteCount() }

    private let available: @Sendable () -> Int?
    private let grants: @Sendable (Int) -> Bool
    private let amounts = Mutex(Amounts())

    /// An empty ledger.
    ///
    /// - Parameters:
    ///   - grants: Whether the system would give a process as many bytes more.
    ///   - available: The bytes that the machine can still give; nil if the system doesn't say.
    package init(
        grants: @escaping @Sendable (Int) -> Bool = { _ in true }, available: @escaping @Sendable () -> Int?
    ) {
        self.available = available
        self.grants = grants
    }

    /// The bytes that have been reserved but not yet taken.
    package var pendingByteCount: Int { amounts.withLock { $0.pending } }

    fileprivate func add(_ byteCount: Int, for purpose: MemoryShortage.Purpose) throws(MemoryShortage) {
        try amounts.withLock { (amounts) throws(MemoryShortage) in
            if byteCount <= amounts.margin {
                amounts.margin -= byteCount
            } else {
                amounts.margin = 0
                amounts.margin = try left(after: byteCount, for: purpose, pending: amounts.pending) / 1024
            }
            amounts.pending += byteCount
        }
    }

    /// What the machine has left after a reservation; 0 if the system doesn't say.
    private func left(
        after byteCount: Int, for purpose: MemoryShortage.Purpose, pending: Int
    ) throws(MemoryShortage) -> Int {
        let left = available().map { max(0, $0 - pending) }
        if let left, byteCount > left {
            throw MemoryShortage(
                purpose: purpose, neededByteCount: byteCount, availableByteCount: left, limit: .machine)
        }
        // A system may refuse what its figures promise, for a limit of its own. Buffers are taken later, and can't fail.
        guard grants(byteCount) else {
            var granted = byteCount / 2
            while granted > 0, !grants(granted) { granted /= 2 }
            throw MemoryShortage(
                purpose: purpose, neededByteCount: byteCount, availableByteCount: granted, limit: .machine)
        }
        return left.map { $0 - byteCount } ?? 0
    }

    fileprivate func subtract(_ byteCount: Int) { amounts.withLock { $0.pending -= byteCount } }
}
