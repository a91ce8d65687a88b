import LongLM
import SIMDKernels

/// Token ids that don't repeat for a long time.
func benchmarkTokens(_ count: Int, _ model: LanguageModel) -> [Int] {
    (0..<count).map { $0 &* 7919 % model.configuration.vocabularySize }
}

extension AlignedBuffer {
    /// A buffer of a thousand different numbers between −½ and ½.
    static func filled(floatCount: Int) -> AlignedBuffer {
        let buffer = AlignedBuffer(floatCount: floatCount)
        for index in 0..<floatCount { buffer.floats[index] = Float(index &* 7919 % 1000) * 1e-3 - 0.5 }
        return buffer
    }
}
