import CLongLM

/// Exponentials as polynomials in multiply-adds, so that no C library decides a bit of the result.
package enum Exponential {
    /// e^x per lane, within 2 units in the last place; 0 below −86.98 (1.7·10⁻³⁸),
    /// +∞ above 88.72; e^0 is exactly 1.
    ///
    /// x = n·ln 2 + r with |r| ≤ ln 2 / 2, ln 2 split in two parts (Cody and Waite) so that r is accurate; then
    /// the Taylor polynomial of degree 7, whose remainder 0.3466⁸/8! ≈ 5·10⁻⁹ is below half a unit in the last
    /// place, and 2^n put into the exponent bits.
    @inline(always)
    package static func exp<Arithmetic: MultiplyAdd>(_ x: Lanes, _: Arithmetic.Type) -> Lanes {
        let underflow = x .< Lanes(repeating: -86.98)
        let overflow = x .> Lanes(repeating: 88.72)
        let bounded = x.replacing(with: 0, where: underflow .| overflow)

        // Adding 1.5·2^23 rounds to an integer that then stands in the low bits of the sum.
        let magic = Lanes(repeating: 12_582_912)
        let shifted = Arithmetic.multiplyAdd(bounded, Lanes(repeating: 1.442_695_04), magic)
        let n = shifted - magic
        var r = Arithmetic.multiplyAdd(n, Lanes(repeating: -0.693_359_375), bounded)
        r = Arithmetic.multiplyAdd(n, Lanes(repeating: 2.121_944_4e-4), r)

        var series = Lanes(repeating: 1 / 5040)
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 1 / 720))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 1 / 120))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 1 / 24))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 1 / 6))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 0.5))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 1))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 1))

        // n reaches 128 just below the overflow, one more than an exponent holds: multiply by 2^(n−1), then by 2.
        let scaled = series * shifted.powerOfTwo * 2
        return
            scaled
            .replacing(with: 0, where: underflow)
            .replacing(with: .infinity, where: overflow)
    }

    /// 2^x per lane for x ≤ 0, within 1 unit in the last place; 0 below −125.5; 2^0 is exactly 1.
    ///
    /// x = n + r with |r| ≤ ½; then the polynomial of degree 6 with the smallest relative error (2·10⁻⁹) among those that
    /// are exact at 0, and 2^n put into the exponent bits. The coefficients are doubled and the exponent is one lower, so
    /// that the lowest exponent, to which x is bounded, stands for 0.
    @inline(always)
    package static func exp2<Arithmetic: MultiplyAdd>(nonPositive x: Lanes, _: Arithmetic.Type) -> Lanes {
        let bounded = x.maximum(Lanes(repeating: -126))
        // Adding 1.5·2^23 rounds to an integer that then stands in the low bits of the sum.
        let magic = Lanes(repeating: 12_582_912)
        let shifted = bounded + magic
        let r = bounded - (shifted - magic)

        var series = Lanes(repeating: 2 * 0.000_153_533_618)
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2 * 0.001_339_887_445))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2 * 0.009_618_437_358))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2 * 0.055_503_324_710))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2 * 0.240_226_479_136))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2 * 0.693_147_202_855))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2))

        return series * shifted.powerOfTwo
    }

    /// 2^x per lane for x ≤ 0, with a relative error below 3·10⁻⁶; 0 below −125.5; 2^0 is exactly 1. For weights that become
    /// integers of 8 bits.
    ///
    /// As ``exp2(nonPositive:_:)``, with the polynomial of degree 4.
    @inline(always)
    package static func exp2Coarse<Arithmetic: MultiplyAdd>(nonPositive x: Lanes, _: Arithmetic.Type) -> Lanes {
        let bounded = x.maximum(Lanes(repeating: -126))
        let magic = Lanes(repeating: 12_582_912)
        let shifted = bounded + magic
        let r = bounded - (shifted - magic)

        var series = Lanes(repeating: 2 * 0.009_582_853_169)
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2 * 0.055_906_425_037))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2 * 0.240_240_986_113))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2 * 0.693_124_193_368))
        series = Arithmetic.multiplyAdd(series, r, Lanes(repeating: 2))

        return series * shifted.powerOfTwo
    }

    /// x · sigmoid(x) = x / (1 + e^−x) per lane.
    @inline(always)
    package static func silu<Arithmetic: MultiplyAdd>(_ x: Lanes, _: Arithmetic.Type) -> Lanes {
        x / (Lanes(repeating: 1) + exp(-x, Arithmetic.self))
    }
}
