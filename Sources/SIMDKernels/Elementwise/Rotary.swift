import CLongLM

/// Rotary position embedding (Su et al., 2021) in the half-split form: component k pairs with component k + R/2.
public enum Rotary {
    /// Writes the cosines and sines for one position, times a factor.
    ///
    /// The angle is Float(position) · inverseFrequency rounded to 32 bits, as the reference computes it; a more exact
    /// angle would differ visibly past a few thousand tokens. Cosine and sine of that angle are correct to their last
    /// bit in almost all cases, and the same on every machine.
    ///
    /// - Parameters:
    ///   - position: A position; fractional ones are allowed. Where an angle exceeds 10⁹, cosine and sine are NaN.
    ///   - inverseFrequencies: 1 / θ^(2k/R) for k < R/2, as they are or scaled.
    ///   - factor: What cosines and sines are multiplied by, as YaRN does.
    ///   - cosines: [R/2].
    ///   - sines: [R/2].
    public static func fillAngles(
        position: Float, inverseFrequencies: UnsafeBufferPointer<Float>, factor: Float = 1,
        cosines: UnsafeMutablePointer<Float>, sines: UnsafeMutablePointer<Float>
    ) {
        for (index, frequency) in inverseFrequencies.enumerated() {
            let angle = sineCosine(Double(position * frequency))
            cosines[index] = Float(angle.cosine) * factor
            sines[index] = Float(angle.sine) * factor
        }
    }

    /// Rotates the first R components of the heads of one row, component k paired with k + R/2, and multiplies all of
    /// them by a factor.
    ///
    /// - Parameters:
    ///   - input: [headCount, D].
    ///   - headCount: Heads of the row.
    ///   - headDimension: D.
    ///   - rotaryDimension: R, even and at most D; 0 rotates nothing.
    ///   - cosines: [R/2], of the row's position.
    ///   - sines: [R/2].
    ///   - factor: What every component is multiplied by after the rotation.
    ///   - output: [headCount, D]; not `input`.
    ///   - instructionSet: What to compute with; the processor must have it.
    public static func rotate(
        _ input: UnsafePointer<Float>, headCount: Int, headDimension: Int, rotaryDimension: Int,
        cosines: UnsafePointer<Float>, sines: UnsafePointer<Float>, factor: Float = 1,
        into output: UnsafeMutablePointer<Float>,
        instructionSet: InstructionSet
    ) {
        precondition(
            rotaryDimension % 2 == 0 && (0...headDimension).contains(rotaryDimension),
            "rotary positions pair components")
        let arguments = RotaryArguments(
            input: input, headCount: headCount, headDimension: headDimension,
            rotaryDimension: rotaryDimension, cosines: cosines, sines: sines, factor: factor, output: output)
        arguments.run(on: instructionSet)
    }
}

struct RotaryArguments: Kernel {
    let input: UnsafePointer<Float>
    let headCount: Int
    let headDimension: Int
    let rotaryDimension: Int
    let cosines: UnsafePointer<Float>
    let sines: UnsafePointer<Float>
    let factor: Float
    let output: UnsafeMutablePointer<Float>

    static var number: LongLMKernel { .rotary }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        let half = rotaryDimension / 2
        let whole = half - half % laneCount
        for head in 0..<headCount {
            let input = self.input + head * headDimension
            let output = self.output + head * headDimension
            for k in Steps(from: 0, to: whole, by: laneCount) {
                let rotated = rotatePair(
                    input.lanes(at: k), input.lanes(at: k + half), cosines.lanes(at: k),
                    sines.lanes(at: k), factor, Target.Arithmetic.self)
                output.store(rotated.0, at: k)
                output.store(rotated.1, at: k + half)
            }
            let rest = half - whole
            if rest > 0 {
                let rotated = rotatePair(
                    input.partialLanes(at: whole, count: rest), input.partialLanes(at: whole + half, count: rest),
                    cosines.partialLanes(at: whole, count: rest),
                    sines.partialLanes(at: whole, count: rest), factor, Target.Arithmetic.self)
                output.storePartial(rotated.0, at: whole, count: rest)
                output.storePartial(rotated.1, at: whole + half, count: rest)
            }
            for d in Steps(from: rotaryDimension, to: headDimension, by: 1) {
                output[d] = input[d] * factor
            }
        }
    }
}

@inline(always)
private func rotatePair<Arithmetic: MultiplyAdd>(
    _ first: Lanes, _ second: Lanes, _ cosines: Lanes, _ sines: Lanes, _ factor: Float, _: Arithmetic.Type
) -> (Lanes, Lanes) {
    (
        Arithmetic.multiplyAdd(first, cosines, -(second * sines)) * factor,
        Arithmetic.multiplyAdd(first, sines, second * cosines) * factor
    )
}
