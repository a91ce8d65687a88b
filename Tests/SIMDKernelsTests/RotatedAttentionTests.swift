import Foundation
import SIMDKernels
import Testing

/// Self-Extend as its formulas say it: query at i or ⌊i/G⌋ + shift, key at j or ⌊j/G⌋.
@Suite("Attention with rotations")
struct RotatedAttentionTests {
    struct Setting: CustomTestStringConvertible {
        let groupSize: Int
        let window: Int
        let shift: Float
        var testDescription: String { "G \(groupSize), W \(window), shift \(shift)" }
    }

    /// The plain model; a G that divides W and ones that don't, with the shift W − ⌊W/G⌋ and with W − W/G.
    static let settings = [
        Setting(groupSize: 1, window: 24, shift: 0), Setting(groupSize: 4, window: 32, shift: 24),
        Setting(groupSize: 3, window: 50, shift: 34), Setting(groupSize: 3, window: 50, shift: 50 - 50 / 3),
        Setting(groupSize: 8, window: 100, shift: 88),
    ]

    static let length = 180
    static let dimension = 64
    static let frequencies = (0..<(dimension / 2)).map { Float(1 / pow(10_000, Double($0) / 32)) }

    @Test("Self-Extend from positions", arguments: settings)
    func selfExtend(_ setting: Setting) {
        let raw = AttentionProblem(
            heads: (9, 3), dimension: Self.dimension, length: Self.length, window: setting.window)
        let rows = 0..<Self.length
        let exact = exactAttention(raw, setting)
        for instructionSet in InstructionSet.availableForFloats {
            var problem = raw
            for row in rows {
                let grouped = Float(row / setting.groupSize)
                let places: [(WritableKeyPath<AttentionProblem, [Float]>, [Float], Int, Float, Float)] = [
                    (\.queries, raw.queries, 9, grouped + setting.shift, 0.125),
                    (\.neighborQueries, raw.queries, 9, Float(row), 0.125),
                    (\.keys, raw.keys, 3, grouped, 1),
                    (\.neighborKeys, raw.keys, 3, Float(row), 1),
                ]
                for (target, source, headCount, position, factor) in places {
                    let width = headCount * Self.dimension
                    let range = (row * width)..<((row + 1) * width)
                    let rotated = rotate(Array(source[range]), headCount, position, factor, instructionSet)
                    problem[keyPath: target].replaceSubrange(range, with: rotated)
                }
            }
            // The naive method starts from the same rotated inputs, so the roundings of the rotations, of which the
            // exact result is free, are part of its error too.
            let allowed = problem.allowedError(rows: rows, twin: exact)
            let error = greatestError(problem.prefill(chunk: 64, instructionSet), exact)
            #expect(error <= allowed, "\(instructionSet)")
        }
    }

    private func rotate(
        _ heads: [Float], _ headCount: Int, _ position: Float, _ factor: Float, _ instructionSet: InstructionSet
    ) -> [Float] {
        var cosines = [Float](repeating: 0, count: Self.dimension / 2)
        var sines = cosines
        Self.frequencies.withUnsafeBufferPointer {
            Rotary.fillAngles(position: position, inverseFrequencies: $0, cosines: &cosines, sines: &sines)
        }
        let output = GuardedFloats(count: heads.count)
        Rotary.rotate(
            heads, headCount: headCount, headDimension: Self.dimension, rotaryDimension: Self.dimension,
            cosines: cosines,
            sines: sines, factor: factor, into: output.pointer, instructionSet: instructionSet)
        return output.values
    }

    private func exactAttention(_ raw: AttentionProblem, _ setting: Setting) -> [Double] {
        func rotated(_ source: [Float], _ vector: Int, _ position: Float) -> [Double] {
            // The angle is rounded to Float, as the reference does; all else is exact.
            let angles = Self.frequencies.map { Double(position * $0) }
            let components = source[(vector * Self.dimension)..<((vector + 1) * Self.dimension)]
            return Twins.rotate(
                components.map { Double($0) }, cosines: angles.map { cos($0) }, sines: angles.map { sin($0) })
        }
        let keys = (0..<(Self.length * 3)).map { rotated(raw.keys, $0, Float($0 / 3 / setting.groupSize)) }
        let neighborKeys = (0..<(Self.length * 3)).map { rotated(raw.keys, $0, Float($0 / 3)) }
        return (0..<(Self.length * 9)).flatMap { vector -> [Double] in
            let (row, head) = (vector / 9, vector % 9)
            let query = rotated(raw.queries, vector, Float(row / setting.groupSize) + setting.shift)
            let neighborQuery = rotated(raw.queries, vector, Float(row))
            let scores = (0...row).map { key in
                let place = key * 3 + head / 3
                let isNeighbor = row - key < setting.window
                let pairs = isNeighbor ? zip(neighborQuery, neighborKeys[place]) : zip(query, keys[place])
                return pairs.reduce(0) { $0 + $1.0 * $1.1 } / 8
            }
            return Twins.softmaxMean(scores) { key in
                let first = (key * 3 + head / 3) * Self.dimension
                return raw.values[first..<(first + Self.dimension)]
            }
        }
    }
}
