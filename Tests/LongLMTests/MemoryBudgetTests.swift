import LongLM
import SIMDKernels
import Synchronization
import TestSupport
import Testing

/// A ledger of a machine that has this much.
private func ledger(_ available: Int?) -> MemoryLedger { MemoryLedger { available } }

private let session = MemoryShortage.Purpose.session(length: 8192, cacheFormat: .float32)

private func shortage(
    _ needed: Int, _ available: Int, _ limit: MemoryShortage.Limit, _ purpose: MemoryShortage.Purpose = session
) -> MemoryShortage {
    MemoryShortage(purpose: purpose, neededByteCount: needed, availableByteCount: available, limit: limit)
}

@Suite struct MemoryBudgetTests {
    @Test func limitIsShared() throws {
        let budget = MemoryBudget(limit: 1000, ledger: ledger(nil))
        let weights = try budget.reserve(600, for: .weights)
        #expect(throws: shortage(401, 400, .option(byteCount: 1000))) { try budget.reserve(401, for: session) }
        #expect(budget.reservedByteCount == 600)
        let whole = try budget.reserve(400, for: session)
        #expect(throws: shortage(1, 0, .option(byteCount: 1000))) { try budget.reserve(1, for: session) }
        #expect(weights.byteCount + whole.byteCount == budget.reservedByteCount)
    }

    @Test("What is taken doesn't change what a limit leaves")
    func limitCountsWhatIsReserved() throws {
        let budget = MemoryBudget(limit: 1000, ledger: ledger(nil))
        let part = try budget.reserve(600, for: session)
        part.usedByteCount = 600
        _ = withExtendedLifetime(part) {
            #expect(throws: shortage(401, 400, .option(byteCount: 1000))) { try budget.reserve(401, for: session) }
        }
    }

    @Test func releaseWithTheLastReference() throws {
        let ledger = ledger(1000)
        let budget = MemoryBudget(limit: 1000, ledger: ledger)
        var first: MemoryReservation? = try budget.reserve(700, for: session)
        var second = first
        first?.usedByteCount = 300
        first = nil
        #expect(budget.reservedByteCount == 700 && ledger.pendingByteCount == 400)
        #expect(second?.usedByteCount == 300)
        second = nil
        #expect(budget.reservedByteCount == 0 && ledger.pendingByteCount == 0)
        #expect(try budget.reserve(1000, for: session).byteCount == 1000)
    }

    /// Where the system grants less than its figures say, the error says what it grants, to a factor of two.
    @Test func systemThatRefuses() throws {
        let ledger = MemoryLedger(grants: { $0 <= 300 }, available: { 10_000 })
        let budget = MemoryBudget(limit: nil, ledger: ledger)
        #expect(throws: shortage(1000, 250, .machine)) { try budget.reserve(1000, for: session) }
        #expect(budget.reservedByteCount == 0 && ledger.pendingByteCount == 0)
        #expect(try budget.reserve(300, for: session).byteCount == 300)
    }

    @Test func thisSystem() {
        #expect(MachineMemory.grants(0) && MachineMemory.grants(1 << 20))
        #expect(!MachineMemory.grants(1 << 60))
    }

    @Test func machineAtItsLimit() throws {
        let budget = MemoryBudget(limit: nil, ledger: ledger(1000))
        #expect(throws: shortage(1001, 1000, .machine)) { try budget.reserve(1001, for: session) }
        #expect(budget.reservedByteCount == 0)
        let all = try budget.reserve(1000, for: session)
        #expect(throws: shortage(1, 0, .machine)) { try budget.reserve(1, for: session) }
        #expect(all.byteCount == 1000)
    }

    @Test("The machine's figures show what was taken; what was not is kept for who reserved it, in any model")
    func pendingMemory() throws {
        // A machine from which memory is really taken.
        let machine = Machine(available: 1000)
        let ledger = MemoryLedger { machine.available }
        let budgets = [MemoryBudget(limit: nil, ledger: ledger), MemoryBudget(limit: nil, ledger: ledger)]
        let first = try budgets[0].reserve(600, for: session)
        #expect(throws: shortage(401, 400, .machine)) { try budgets[1].reserve(401, for: session) }
        machine.available = 750
        first.usedByteCount = 250
        #expect(ledger.pendingByteCount == 350)
        #expect(throws: shortage(401, 400, .machine)) { try budgets[1].reserve(401, for: session) }
        // Another program takes memory.
        machine.available = 300
        #expect(throws: shortage(1, 0, .machine)) { try budgets[1].reserve(1, for: session) }
        // What is given back is pending again.
        machine.available = 900
        first.usedByteCount = 100
        #expect(ledger.pendingByteCount == 500)
        #expect(try budgets[1].reserve(400, for: session).byteCount == 400)
        #expect(first.usedByteCount == 100)
    }

    @Test("A thousandth of what a reading leaves is granted without another")
    func smallReservations() throws {
        let machine = Machine(available: 1 << 20)
        let readings = Mutex(0)
        let ledger = MemoryLedger {
            readings.withLock { $0 += 1 }
            return machine.available
        }
        let budget = MemoryBudget(limit: nil, ledger: ledger)
        // 1,023 · 1,024 bytes are left, and so 1,023 are granted.
        let first = try budget.reserve(1024, for: session)
        let small = try [1000, 23].map { try budget.reserve($0, for: session) }
        #expect(readings.withLock { $0 } == 1 && ledger.pendingByteCount == 2047)
        let next = try budget.reserve(1, for: session)
        #expect(readings.withLock { $0 } == 2 && ledger.pendingByteCount == 2048)
        // Another program takes all of it but one byte. What doesn't fit is refused, and ends the grant.
        machine.available = 2049
        #expect(throws: shortage(2000, 1, .machine)) { try budget.reserve(2000, for: session) }
        #expect(throws: shortage(2, 1, .machine)) { try budget.reserve(2, for: session) }
        #expect(first.byteCount + small.reduce(0) { $0 + $1.byteCount } + next.byteCount == 2048)
    }

    @Test func usedBytesStayWithinTheReservation() throws {
        let ledger = ledger(nil)
        let reservation = try MemoryBudget(limit: nil, ledger: ledger).reserve(100, for: session)
        #expect(reservation.usedByteCount == 0 && ledger.pendingByteCount == 100)
        reservation.usedByteCount = 101
        #expect(reservation.usedByteCount == 100 && ledger.pendingByteCount == 0)
        reservation.usedByteCount = -1
        #expect(reservation.usedByteCount == 0 && ledger.pendingByteCount == 100)
    }

    @Test("Without a limit, on a machine that says nothing, everything fits")
    func unknownMachine() throws {
        let budget = MemoryBudget(limit: nil, ledger: ledger(nil))
        #expect(try budget.reserve(1 << 60, for: session).byteCount == 1 << 60)
        let none = MemoryBudget(limit: 0, ledger: ledger(nil))
        #expect(try none.reserve(0, for: session).byteCount == 0)
        #expect(throws: shortage(1, 0, .option(byteCount: 0))) { try none.reserve(1, for: session) }
    }

    @Test("Many at once never get more than there is, and all that fits")
    func concurrently() async throws {
        let ledger = ledger(1 << 40)
        let budget = MemoryBudget(limit: 1000, ledger: ledger)
        let kept = await withTaskGroup(of: [MemoryReservation].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var kept: [MemoryReservation] = []
                    for round in 0..<500 {
                        guard let reservation = try? budget.reserve(7, for: session) else { continue }
                        reservation.usedByteCount = round % 9
                        // Every third is given back at once.
                        if round % 3 != 0 { kept.append(reservation) }
                    }
                    return kept
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        // 142 sevens fit into 1,000.
        #expect(kept.count == 142 && budget.reservedByteCount == 994)
        #expect(ledger.pendingByteCount == kept.reduce(0) { $0 + 7 - $1.usedByteCount })
        _ = withExtendedLifetime(kept) {
            #expect(throws: shortage(7, 6, .option(byteCount: 1000))) { try budget.reserve(7, for: session) }
        }
    }

    @Test func descriptions() {
        #expect(
            "\(shortage(538_100_000, 400_000_000, .machine, .weights))"
                == "the weights need 538 MB, but 400 MB are available on this machine")
        #expect(
            "\(shortage(538_100_000, 400_000_000, .option(byteCount: 400_000_000), .weights))"
                == "the weights need 538 MB, but the memory limit is 400 MB")
        // One byte too few isn't rounded away.
        #expect(
            "\(shortage(538_100_001, 538_100_000, .machine, .weights))"
                == "the weights need 538,100,001 bytes, but 538,100,000 bytes are available on this machine")
        #expect(
            "\(shortage(1_250_000_000, 90_000_000, .option(byteCount: 700_000_000)))"
                == "a session of 8,192 tokens needs 1.25 GB, but 90.0 MB are left of the memory limit of 700 MB; "
                + "a smaller capacity or a bfloat16 or int8 cache needs less")
        #expect(
            "\(shortage(1_250_000_000, 90_000_000, .machine, .session(length: 5, cacheFormat: .bfloat16)))"
                == "a session of 5 tokens needs 1.25 GB, but 90.0 MB are available on this machine; "
                + "a smaller capacity or an int8 cache needs less")
        #expect(
            "\(shortage(1_250_000_000, 90_000_000, .machine, .session(length: 5, cacheFormat: .int8)))"
                .hasSuffix("; a smaller capacity needs less"))
        let shortage = shortage(2, 1, .machine)
        #expect(
            "\(ModelError.memory(shortage))" == "\(shortage)" && "\(SessionError.memory(shortage))" == "\(shortage)")
    }
}

/// What a machine has.
private final class Machine: Sendable {
    private let bytes: Mutex<Int>

    init(available: Int) { bytes = Mutex(available) }

    var available: Int {
        get { bytes.withLock { $0 } }
        set { bytes.withLock { $0 = newValue } }
    }
}

@Suite struct ModelMemoryTests {
    private func directory(_ tiny: TinyLlama = TinyLlama()) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        try tiny.write(to: directory)
        return directory
    }

    /// Every form of checkpoint that there is: fused and shared tensors, biases, shards, two bytes a number.
    static let references = [
        "gemma", "gemma2", "gemma3_text", "gpt_neox", "llama", "llama_biases", "llama_f16", "llama_sharded_bf16",
        "llama_tied_mha", "mistral", "phi", "phi3", "phi_qk_layernorm", "qwen2", "qwen3", "smollm3", "stablelm",
        "stablelm_parallel",
    ]

    @Test("What is reserved before a weight is packed is what the weights take", arguments: references)
    func exactNeed(reference: String) throws {
        for precision in [Precision.float32, .bfloat16] {
            var options = LoadOptions(precision: precision)
            if precision == .bfloat16 {
                guard InstructionSet.avx512.hasBFloat16Products else { continue }
                options.instructionSet = .avx512
            }
            let path = Fixtures.path("reference/\(reference)")
            let ledger = ledger(nil)
            let model = try LanguageModel(directory: path, options: options, ledger: ledger)
            #expect(model.weightReservation.byteCount == model.weightByteCount)
            #expect(model.weightReservation.usedByteCount == model.weightByteCount)
            #expect(model.reservedByteCount == model.weightByteCount && ledger.pendingByteCount == 0)
        }
    }

    @Test func storedFormats() throws {
        for storage in TinyLlama.Storage.allCases {
            var tiny = TinyLlama()
            tiny.storage = storage
            let directory = try directory(tiny)
            for type in [nil, .float32, .bfloat16] as [WeightFormat?] {
                var options = LoadOptions()
                options.weightFormat = type
                let model = try LanguageModel(directory: directory.path, options: options)
                #expect(model.weightReservation.byteCount == model.weightByteCount)
            }
        }
    }

    @Test("A limit of what the weights need is enough, one byte less is not")
    func limit() throws {
        let directory = try directory()
        let need = try LanguageModel(directory: directory.path).weightByteCount
        let ledger = ledger(nil)
        let model = try LanguageModel(
            directory: directory.path, options: LoadOptions(memoryLimit: need), ledger: ledger)
        #expect(model.weightByteCount == need)
        _ = withExtendedLifetime(model) {
            #expect(throws: shortage(1, 0, .option(byteCount: need))) { try model.memory.reserve(1, for: session) }
        }
        var fractions: [Double] = []
        #expect(throws: ModelError.memory(shortage(need, need - 1, .option(byteCount: need - 1), .weights))) {
            try LanguageModel(
                directory: directory.path, options: LoadOptions(memoryLimit: need - 1), ledger: ledger
            ) { fractions.append($0) }
        }
        // Nothing had been packed.
        #expect(fractions.isEmpty)
        for limit in [0, -1] {
            let expected: ModelError =
                limit < 0
                ? .invalidOption(InvalidOption("memory limit in bytes", -1, allowed: "at least 0"))
                : .memory(shortage(need, 0, .option(byteCount: 0), .weights))
            #expect(throws: expected) {
                try LanguageModel(directory: directory.path, options: LoadOptions(memoryLimit: limit))
            }
        }
    }

    @Test("A machine that has what the weights need is enough, one byte less is not")
    func machine() throws {
        let directory = try directory()
        let need = try LanguageModel(directory: directory.path).weightByteCount
        #expect(
            try LanguageModel(directory: directory.path, ledger: ledger(need)).weightByteCount == need)
        let tooSmall = ledger(need - 1)
        #expect(throws: ModelError.memory(shortage(need, need - 1, .machine, .weights))) {
            try LanguageModel(directory: directory.path, ledger: tooSmall)
        }
        #expect(tooSmall.pendingByteCount == 0)
    }

    @Test("A model that goes, and one whose loading is cancelled, give their memory back")
    func release() async throws {
        let directory = try directory()
        let ledger = ledger(1 << 40)
        var model: LanguageModel? = try LanguageModel(directory: directory.path, ledger: ledger)
        let budget = try #require(model?.memory)
        #expect(budget.reservedByteCount > 0 && model?.reservedByteCount == budget.reservedByteCount)
        model = nil
        #expect(budget.reservedByteCount == 0)

        let pending = Mutex(0)
        let path = directory.path
        let task = Task {
            _ = try LanguageModel(directory: path, ledger: ledger) { _ in
                // With the first tensor, what the others will take is still to come.
                pending.withLock { $0 = max($0, ledger.pendingByteCount) }
                withUnsafeCurrentTask { $0?.cancel() }
            }
        }
        await #expect(throws: ModelError.cancelled) { try await task.value }
        #expect(pending.withLock { $0 } > 0)
        #expect(ledger.pendingByteCount == 0)
    }
}
