import SIMDKernels

/// What kernels are timed on.
struct Setting {
    let threadCount: Int
    let instructionSet: InstructionSet

    /// The median of the seconds that `body` takes on a team, of at least five runs and half a second, after one that
    /// isn't counted.
    func medianSeconds(_ body: (Worker) -> Void) -> Double {
        Team.run(threadCount: threadCount, instructionSet: instructionSet, body)
        var seconds: [Double] = []
        while seconds.count < 5 || seconds.reduce(0, +) < 0.5 {
            let duration = ContinuousClock().measure {
                Team.run(threadCount: threadCount, instructionSet: instructionSet, body)
            }
            seconds.append(Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18)
        }
        return seconds.sorted()[seconds.count / 2]
    }

    /// Prints one result.
    func report(_ name: String, seconds: Double, _ rate: Double, _ unit: String) {
        let milliseconds = (seconds * 1e5).rounded() / 100
        print("\(name)  \(milliseconds) ms  \((rate * 10).rounded() / 10) \(unit)")
    }
}

extension AlignedBuffer {
    /// A buffer of numbers between −½ and ½ that repeat slowly.
    static func filled(floatCount: Int) -> AlignedBuffer {
        let buffer = AlignedBuffer(floatCount: floatCount)
        for index in 0..<floatCount { buffer.floats[index] = Float(index &* 7919 % 1000) * 1e-3 - 0.5 }
        return buffer
    }
}
