import LongLM
import SIMDKernels

/// Token ids that don't repeat for a long time.
func benchmarkTokens(_ count: Int, _ model: LanguageModel) -> [Int] {
    (0..<count).map { $0 &* 7919 % model.configuration.vocabularySize }
}

extension AlignedBuffer {
    /// A buffer of a thousand different numbers between −½ and ½.
    ///
    /// - Parameter asPairs: Whether each word holds two bfloat16 numbers instead of a float.
    static func filled(floatCount: Int, asPairs: Bool = false) -> AlignedBuffer {
        let buffer = AlignedBuffer(floatCount: floatCount)
        for index in 0..<floatCount {
            let number = Float(index &* 7919 % 1000) * 1e-3 - 0.5
            let upper = number.bitPattern & 0xffff_0000
            buffer.floats[index] = asPairs ? Float(bitPattern: upper | upper >> 16) : number
        }
        return buffer
    }
}
