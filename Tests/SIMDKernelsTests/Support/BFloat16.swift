import SIMDKernels
import TestSupport

/// u of bfloat16, whose significands have 8 bits.
let bfloat16Roundoff = 0x1p-9

/// A number rounded to bfloat16 by the definition: the nearest of the two neighbors, and of two as near the one whose
/// last bit is 0. Infinity takes the place of 2¹²⁸.
func roundedToBFloat16(_ value: Float) -> Float {
    if !value.isFinite { return value }
    let lower = value.bitPattern & 0xffff_0000
    let upper = lower + 0x1_0000
    func magnitude(_ bits: UInt32) -> Double {
        let magnitude = Float(bitPattern: bits).magnitude
        return magnitude == .infinity ? 0x1p128 : Double(magnitude)
    }
    let below = Double(value.magnitude) - magnitude(lower)
    let above = magnitude(upper) - Double(value.magnitude)
    let takesLower = below < above || below == above && lower & 0x1_0000 == 0
    return Float(bitPattern: takesLower ? lower : upper)
}

extension SeededGenerator {
    /// Uniform in −limit … limit, and rounded to bfloat16.
    mutating func bfloat16Numbers(_ count: Int, limit: Float = 1) -> [Float] {
        floats(count, limit: limit).map(roundedToBFloat16)
    }
}
