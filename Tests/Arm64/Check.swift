/// Compares the bits of the kernels with the pinned ones, on every instruction set that the processor has.
///
/// - Parameters:
///   - threadCount: The workers of a team.
///   - splits: Whether reductions are split, which must be found.
/// - Returns: How many groups differ.
@c
func longlm_check(_ threadCount: CInt, _ splits: Bool) -> CInt {
    var differenceCount: CInt = 0
    for instructionSet in InstructionSet.available {
        var bits = KernelBits(instructionSet, threadCount: Int(threadCount))
        bits.splitsReductions = splits
        if splits { bits.addProducts() } else { bits.run() }
        let wrong = splits ? bits.differences.filter { $0.utf8.starts(with: "(".utf8) } : bits.differences
        for line in wrong { print(line) }
        differenceCount += CInt(wrong.count)
        print("\(instructionSet.rawValue): \(bits.hashes.count) groups, \(wrong.count) differ")
    }
    return differenceCount
}

/// Embedded Swift has no C library to look variables up in.
func getenv(_: UnsafePointer<CChar>) -> UnsafeMutablePointer<CChar>? { nil }
