#if !hasFeature(Embedded)
    import LongLMEvaluation
    import SIMDKernels
    import TestSupport
#endif

/// The bits that every kernel gives on seeded numbers, as SHA-256 of each group of outputs.
///
/// This folder is compiled twice: into the tests, and by `.ci/arm64` together with the kernels as Embedded Swift, which has
/// neither Foundation nor Testing.
struct KernelBits {
    let instructionSet: InstructionSet
    let threadCount: Int
    /// Whether each product of 32-bit floats is the sum of two, of the first columns and of the others. That is what no
    /// kernel may do; the check of the check asks for it.
    var splitsReductions = false
    private(set) var hashes: [(name: String, sha256: String)] = []

    init(_ instructionSet: InstructionSet, threadCount: Int) {
        self.instructionSet = instructionSet
        self.threadCount = threadCount
    }

    /// Runs all kernels.
    mutating func run() {
        addProducts()
        addEndings()
        addAttention()
        addElementwise()
    }

    /// The groups whose bits differ from the pinned ones, one line each.
    var differences: [String] {
        var lines: [String] = []
        for (name, sha256) in hashes where Self.pinned(name) != sha256 { lines.append("(\"\(name)\", \"\(sha256)\"),") }
        if hashes.count != Self.pinned.count { lines.append("there are \(hashes.count) groups") }
        return lines
    }

    private static func pinned(_ name: String) -> String {
        for entry in pinned where entry.name == name { return entry.sha256 }
        return ""
    }

    mutating func add(_ name: String, _ hash: LogitHash) { hashes.append((name, hash.finish())) }

    /// Runs `body` on a team.
    ///
    /// - Parameter memory: What `body` reaches through pointers, which don't keep it.
    func runTeam(keeping memory: [Floats], _ body: (Worker) -> Void) {
        withExtendedLifetime(memory) {
            Team.run(threadCount: threadCount, instructionSet: instructionSet, body)
        }
    }
}

/// Zeroed or given numbers in memory of their own.
struct Floats {
    private let buffer: AlignedBuffer
    let count: Int

    init(count: Int) {
        buffer = AlignedBuffer(floatCount: max(count, 16))
        self.count = count
        for index in 0..<count { pointer[index] = 0 }
    }

    init(_ values: [Float]) {
        self.init(count: values.count)
        for index in 0..<count { pointer[index] = values[index] }
    }

    var pointer: UnsafeMutablePointer<Float> { buffer.floats }

    var values: [Float] { (0..<count).map { pointer[$0] } }
}

extension SeededGenerator {
    /// Uniform in −limit … limit, with all 24 bits of the significand in use, so that most products and sums round.
    mutating func uniform(_ count: Int, limit: Float = 1) -> [Float] {
        (0..<count).map { _ in Float(Int64(bitPattern: next()) >> 24) * 0x1p-39 * limit }
    }
}
