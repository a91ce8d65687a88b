import SIMDKernels
import Testing

@Suite("Kernel bits")
struct KernelBitsTests {
    /// `.ci/arm64` compares NEON's bits with the same hashes.
    @Test(
        "Every kernel gives the pinned bits", arguments: InstructionSet.available.filter(\.isFused), [1, 3])
    func pinned(_ instructionSet: InstructionSet, _ threadCount: Int) {
        var bits = KernelBits(instructionSet, threadCount: threadCount)
        bits.run()
        #expect(bits.differences == [], "\n\(bits.differences.joined(separator: "\n"))")
    }

    @Test("A split reduction shows", arguments: InstructionSet.available.filter(\.isFused))
    func split(_ instructionSet: InstructionSet) {
        var bits = KernelBits(instructionSet, threadCount: 1)
        bits.splitsReductions = true
        bits.addProducts()
        #expect(bits.differences.contains { $0.hasPrefix("(\"product float32 float32\"") })
    }
}
