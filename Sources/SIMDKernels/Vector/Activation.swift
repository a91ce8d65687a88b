/// What a product passes through before it is written.
public enum Activation: Sendable, Equatable {
    /// Nothing.
    case identity
    /// x · sigmoid(x) = x / (1 + e^−x), also called swish (Elfwing et al., 2017).
    case silu
    /// x · Φ(x) with the normal distribution Φ (Hendrycks and Gimpel, 2016).
    case gelu
    /// The approximation 0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) of the same paper.
    case geluTanh
    /// cap · tanh(x / cap): what Gemma 2 bounds scores and logits with.
    case softCap(Float)

    /// The function of each lane.
    @inline(always)
    func apply<Arithmetic: MultiplyAdd>(_ x: Lanes, _: Arithmetic.Type) -> Lanes {
        switch self {
        case .identity: x
        case .silu: Exponential.silu(x, Arithmetic.self)
        case .gelu: Self.gelu(x, Arithmetic.self)
        case .geluTanh: Self.geluTanh(x, Arithmetic.self)
        case .softCap(let cap): Self.tanh(x * (1 / cap), Arithmetic.self) * cap
        }
    }

    /// tanh(x) within 3 units in the last place.
    ///
    /// Below 0.6 the odd polynomial of degree 13 with the smallest relative error (3·10⁻⁹); above,
    /// (1 − e^−2|x|) / (1 + e^−2|x|).
    @inline(always)
    static func tanh<Arithmetic: MultiplyAdd>(_ x: Lanes, _: Arithmetic.Type) -> Lanes {
        let square = x * x
        var series = Lanes(repeating: 0.002_370_840_137)
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: -0.008_410_138_102))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: 0.021_788_343_3))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: -0.053_961_554_54))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: 0.133_333_128_8))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: -0.333_333_332_3))
        let small = Arithmetic.multiplyAdd(x * square, series, x)

        let isNegative = x .< Lanes(repeating: 0)
        let magnitude = x.replacing(with: -x, where: isNegative)
        let power = Exponential.exp(magnitude * -2, Arithmetic.self)
        let large = (1 - power) / (1 + power)
        let signed = large.replacing(with: -large, where: isNegative)
        return signed.replacing(with: small, where: magnitude .< Lanes(repeating: 0.6))
    }

    /// As x / (1 + e^−2u), which is the same as 0.5 · x · (1 + tanh u) and loses nothing where tanh u is near −1.
    @inline(always)
    private static func geluTanh<Arithmetic: MultiplyAdd>(_ x: Lanes, _: Arithmetic.Type) -> Lanes {
        // −2 · √(2/π) · (1 + 0.044715 · x²) · x
        let inner = Arithmetic.multiplyAdd(
            x * x, Lanes(repeating: -0.071_354_816_3), Lanes(repeating: -1.595_769_122))
        return x / (1 + Exponential.exp(inner * x, Arithmetic.self))
    }

    /// As x · Φ(−|x|) below zero and x − x · Φ(−|x|) above, with Φ(−√2 z) = erfc(z) / 2.
    ///
    /// erfc is 1 − erf below 1, by the odd polynomial of degree 13 with the smallest relative error (2·10⁻⁹), and above
    /// e^(−z²) · P(1 / (1 + z/2)), P of degree 7 with the smallest relative error for z ≤ 4.2 (7·10⁻¹⁰). Past that it
    /// grows to 4·10⁻⁵, of a part that is below the last place of x and below 10⁻⁸.
    @inline(always)
    private static func gelu<Arithmetic: MultiplyAdd>(_ x: Lanes, _: Arithmetic.Type) -> Lanes {
        let isNegative = x .< Lanes(repeating: 0)
        let z = x.replacing(with: -x, where: isNegative) * 0.707_106_781
        let square = z * z
        var series = Lanes(repeating: 7.853_858_562e-5)
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: -0.000_801_019_278))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: 0.005_188_327_59))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: -0.026_853_811_88))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: 0.112_835_851_5))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: -0.376_126_258_2))
        series = Arithmetic.multiplyAdd(series, square, Lanes(repeating: 1.128_379_166))
        let near = Arithmetic.multiplyAdd(series, z * -0.5, Lanes(repeating: 0.5))

        let t = 1 / Arithmetic.multiplyAdd(z, Lanes(repeating: 0.5), Lanes(repeating: 1))
        var tail = Lanes(repeating: 0.117_676_417_6)
        tail = Arithmetic.multiplyAdd(tail, t, Lanes(repeating: -0.465_468_733_1))
        tail = Arithmetic.multiplyAdd(tail, t, Lanes(repeating: 0.554_919_603_9))
        tail = Arithmetic.multiplyAdd(tail, t, Lanes(repeating: -0.096_908_792_11))
        tail = Arithmetic.multiplyAdd(tail, t, Lanes(repeating: 0.344_599_429_4))
        tail = Arithmetic.multiplyAdd(tail, t, Lanes(repeating: 0.260_599_145))
        tail = Arithmetic.multiplyAdd(tail, t, Lanes(repeating: 0.284_769_533_9))
        tail = Arithmetic.multiplyAdd(tail, t, Lanes(repeating: -0.000_144_641_727))
        let far = Exponential.exp(-square, Arithmetic.self) * tail * 0.5

        // Far past the last place of x the part is 0, which ∞ · 0 would not be.
        let finite = x.replacing(with: 0, where: z .> Lanes(repeating: 30))
        let part = finite * far.replacing(with: near, where: z .< Lanes(repeating: 1))
        return (x - part).replacing(with: part, where: isNegative)
    }
}
