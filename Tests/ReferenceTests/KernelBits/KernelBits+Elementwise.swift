#if !hasFeature(Embedded)
    import LongLMEvaluation
    import SIMDKernels
    import TestSupport
#endif

extension KernelBits {
    /// Norms, rotations and Hadamard transforms, over widths that leave lanes over.
    mutating func addElementwise() {
        for (name, kind) in [("root mean square", Normalization.Kind.rootMeanSquare), ("layer", .layer)] {
            add("norm \(name)", normalize(kind))
        }
        add("rotary", rotate())
        add("hadamard", transform())
    }

    private func normalize(_ kind: Normalization.Kind) -> LogitHash {
        var generator = SeededGenerator(seed: 5)
        var hash = LogitHash()
        for width in [64, 75] {
            let weight = Floats(generator.uniform(width))
            let bias = Floats(generator.uniform(width))
            let input = Floats(generator.uniform(5 * width))
            let output = Floats(generator.uniform(5 * width))
            let normalization = Normalization(
                kind, weight: weight.pointer, bias: width == 75 ? UnsafePointer(bias.pointer) : nil, epsilon: 1e-5)
            runTeam(keeping: [weight, bias, input, output]) { worker in
                normalization.apply(
                    input.pointer, rowCount: 5, columnCount: width, into: output.pointer, adding: width == 75,
                    worker: worker)
            }
            hash.add(output.values)
        }
        return hash
    }

    /// The angles are those of near and far positions, whole and fractional.
    private func rotate() -> LogitHash {
        var generator = SeededGenerator(seed: 6)
        var hash = LogitHash()
        for (dimension, rotated) in [(80, 44), (64, 64)] {
            let frequencies = generator.uniform(rotated / 2)
            for position in [Float(0), 17, 1234.5, 131_071] {
                let cosines = Floats(count: rotated / 2)
                let sines = Floats(count: rotated / 2)
                frequencies.withUnsafeBufferPointer {
                    Rotary.fillAngles(
                        position: position, inverseFrequencies: $0, factor: 1.1, cosines: cosines.pointer,
                        sines: sines.pointer)
                }
                let input = Floats(generator.uniform(3 * dimension))
                let output = Floats(count: 3 * dimension)
                withExtendedLifetime((input, cosines, sines)) {
                    Rotary.rotate(
                        input.pointer, headCount: 3, headDimension: dimension, rotaryDimension: rotated,
                        cosines: cosines.pointer, sines: sines.pointer, factor: 0.3, into: output.pointer,
                        instructionSet: instructionSet)
                }
                hash.add(output.values)
            }
        }
        return hash
    }

    private func transform() -> LogitHash {
        var generator = SeededGenerator(seed: 7)
        var hash = LogitHash()
        for dimension in [80, 128] {
            let heads = Floats(generator.uniform(3 * dimension))
            Hadamard.transform(heads.pointer, headCount: 3, headDimension: dimension, factor: 0.5)
            hash.add(heads.values)
        }
        return hash
    }
}
