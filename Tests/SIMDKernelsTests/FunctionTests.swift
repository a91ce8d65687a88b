import Foundation
import SIMDKernels
import TestSupport
import Testing

@Suite("Exponential, sine and cosine")
struct FunctionTests {
    /// Every 1,021st float of the range where e^x is a normal number, by its bits, so that all magnitudes take part.
    @Test("e^x is within 2 units in the last place")
    func exponentialAccuracy() {
        var worstFused = 0.0
        var worstSeparate = 0.0
        var count = 0
        for sign in [UInt32(0), 0x8000_0000] {
            for magnitude in stride(from: UInt32(0x3000_0000), to: 0x42b2_0000, by: 1021 * 16) {
                var x = Lanes(repeating: 0)
                for lane in 0..<16 { x[lane] = Float(bitPattern: sign | (magnitude + UInt32(lane) * 1021)) }
                let fused = Exponential.exp(x, FusedMultiplyAdd.self)
                let separate = Exponential.exp(x, SeparateMultiplyAdd.self)
                for lane in 0..<16 where x[lane] >= -86.98 && x[lane] <= 88.72 {
                    let exact = exp(Double(x[lane]))
                    let unit = Double(Float(exact).ulp)
                    worstFused = max(worstFused, abs(Double(fused[lane]) - exact) / unit)
                    worstSeparate = max(worstSeparate, abs(Double(separate[lane]) - exact) / unit)
                    count += 1
                }
            }
        }
        #expect(count > 500_000)
        #expect(worstFused <= 2)
        #expect(worstSeparate <= 2)
    }

    @Test("Neighbors of every power of two and of the bounds")
    func exponentialEdges() {
        // n changes where x is an odd multiple of ln 2 / 2; the scale 2^n is at its limits near the bounds.
        var points = (-250...255).map { Float(Double($0) * 0.5 * 0.693_147_180_559_945_3) }
        points += [-86.98, 88.72, 88.7, 88.5, 88.4, 88.3, -86.9, -87 + 0x1p-5]
        for point in points {
            for x in [point.nextDown, point, point.nextUp] where x >= -86.98 && x <= 88.72 {
                let exact = exp(Double(x))
                let value = Exponential.exp(Lanes(repeating: x), FusedMultiplyAdd.self)[7]
                #expect(abs(Double(value) - exact) <= 2 * Double(Float(exact).ulp), "e^\(x)")
            }
        }
    }

    /// Every 1,021st float below 0 whose power is a normal number, and the neighbors of every half, where n changes.
    @Test("2^x is within 1 unit in the last place for x ≤ 0")
    func powerOfTwoAccuracy() {
        var points = stride(from: UInt32(0x3000_0000), to: 0x42fb_0000, by: 1021).map { -Float(bitPattern: $0) }
        for half in 1...250 { points += [-Float(half) / 2, (-Float(half) / 2).nextUp, (-Float(half) / 2).nextDown] }
        var worst = 0.0
        for point in points where point >= -125.5 {
            let value = Exponential.exp2(nonPositive: Lanes(repeating: point), FusedMultiplyAdd.self)[9]
            let exact = exp2(Double(point))
            worst = max(worst, abs(Double(value) - exact) / Double(Float(exact).ulp))
        }
        #expect(points.count > 100_000)
        #expect(worst <= 1)
        let coarse = points.filter { $0 >= -125.5 }.map { point in
            let value = Exponential.exp2Coarse(nonPositive: Lanes(repeating: point), FusedMultiplyAdd.self)[9]
            return abs(Double(value) / exp2(Double(point)) - 1)
        }
        #expect((coarse.max() ?? 1) < 3e-6)
    }

    @Test("2^0 is 1; what is too small is 0; NaN stays NaN")
    func powerOfTwoSpecial() {
        let functions: [(Lanes) -> Lanes] = [
            { Exponential.exp2(nonPositive: $0, FusedMultiplyAdd.self) },
            { Exponential.exp2Coarse(nonPositive: $0, FusedMultiplyAdd.self) },
        ]
        for function in functions {
            func value(_ x: Float) -> Float { function(Lanes(repeating: x))[3] }
            #expect(value(0) == 1)
            #expect(value(-0.0) == 1)
            #expect(value(-125) == 0x1p-125)
            for x in [Float(-125.5).nextDown, -126, -1e4, -3e38, -Float.infinity] { #expect(value(x) == 0, "\(x)") }
            #expect(value(.nan).isNaN)
        }
    }

    @Test("e^0 is 1; what is too small is 0; what is too great is +∞; NaN stays NaN")
    func exponentialSpecial() {
        func value(_ x: Float) -> Float { Exponential.exp(Lanes(repeating: x), FusedMultiplyAdd.self)[3] }
        #expect(value(0) == 1)
        #expect(value(-0.0) == 1)
        for x in [Float(-86.98).nextDown, -87.4, -100, -1e4, -3e38, -Float.infinity] { #expect(value(x) == 0, "\(x)") }
        for x in [Float(88.72).nextUp, 89, 1e4, 3e38, .infinity] { #expect(value(x) == .infinity, "\(x)") }
        #expect(value(.nan).isNaN)
        // Lanes don't touch each other.
        var mixed = Lanes(repeating: 1)
        mixed[0] = .nan
        mixed[5] = .infinity
        mixed[15] = -Float.infinity
        let result = Exponential.exp(mixed, FusedMultiplyAdd.self)
        for lane in 0..<16 where ![0, 5, 15].contains(lane) { #expect(result[lane] == value(1)) }
        #expect(result[0].isNaN)
        #expect(result[5] == Float.infinity)
        #expect(result[15] == 0)
    }

    @Test("Sine and cosine of angles up to 2²⁴")
    func sineCosineAccuracy() {
        var generator = SeededGenerator(seed: 30)
        var angles: [Float] = [0, 1e-30, 1e-6, 0.5, 1, 16_777_216]
        for exponent in -8...24 {
            angles += generator.floats(3000, limit: Float(sign: .plus, exponent: exponent, significand: 1))
        }
        // Next to the zeros of both, where the error relative to the result is greatest.
        for quarter in stride(from: 1, to: 10_000_000, by: 997) { angles.append(Float(Double(quarter) * .pi / 2)) }
        let wrong = angles.first { angle in
            let result = sineCosine(Double(angle))
            // Two roundings of a number below 1, and what the reduction by π/2 loses: nothing up to 2²⁰ quarter turns,
            // and past them half a unit of the angle's last place.
            let quotient = abs(Double(angle)) / (.pi / 2)
            let bound = 0x1p-52 + (quotient < 0x1p20 ? 0 : 0x1p-53 * abs(Double(angle)))
            return !(abs(result.sine - sin(Double(angle))) <= bound)
                || !(abs(result.cosine - cos(Double(angle))) <= bound)
        }
        #expect(wrong == nil)
    }

    /// No angle traps.
    @Test(arguments: [1.000_001e9, -1e20, .greatestFiniteMagnitude, .infinity, -.infinity, .nan])
    func sineCosineOutOfRange(angle: Double) {
        let result = sineCosine(angle)
        #expect(result.sine.isNaN && result.cosine.isNaN)
    }

    @Test("Sine is odd, cosine even, at every angle")
    func symmetry() {
        var generator = SeededGenerator(seed: 31)
        let wrong = generator.floats(2000, limit: 100_000).first { angle in
            let (plus, minus) = (sineCosine(Double(angle)), sineCosine(-Double(angle)))
            return plus.sine != -minus.sine || plus.cosine != minus.cosine
        }
        #expect(wrong == nil)
    }
}
