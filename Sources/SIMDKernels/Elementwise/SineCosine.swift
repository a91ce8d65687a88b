/// Sine and cosine of one angle in plain double-precision additions and multiplications, so that they are the same
/// on every machine: rounded to `Float`, a C library's may differ from another's in rare cases.
///
/// The angle loses its multiples of π/2 by a three-part constant (Cody and Waite), which leaves an error below
/// 1.8·10⁻¹⁶ · |quotient| for quotients below 2³⁰, and below 10⁻¹⁶ for those below 2²⁰; then the Taylor polynomials of degree
/// 17 and 16 on |r| ≤ π/4, whose remainders are below 10⁻¹⁷.
///
/// - Parameter angle: In radians. Beyond ``largestAngle``, the results are NaN.
package func sineCosine(_ angle: Double) -> (sine: Double, cosine: Double) {
    guard abs(angle) <= largestAngle else { return (.nan, .nan) }
    let quotient = (angle * 0.636_619_772_367_581_4).rounded(.toNearestOrEven)
    // π/2 in parts of 33, 33 and 53 bits: a product of the first two with a quotient below 2²⁰ is exact.
    var r = angle - quotient * 1.570_796_326_734_125_614_17
    r -= quotient * 6.077_100_506_303_965_976_60e-11
    r -= quotient * 2.022_266_248_795_950_631_54e-21

    let square = r * r
    var sine = 1 / 355_687_428_096_000.0
    sine = sine * square - 1 / 1_307_674_368_000.0
    sine = sine * square + 1 / 6_227_020_800.0
    sine = sine * square - 1 / 39_916_800.0
    sine = sine * square + 1 / 362_880.0
    sine = sine * square - 1 / 5040.0
    sine = sine * square + 1 / 120.0
    sine = sine * square - 1 / 6.0
    sine = r + r * square * sine

    var cosine = 1 / 20_922_789_888_000.0
    cosine = cosine * square - 1 / 87_178_291_200.0
    cosine = cosine * square + 1 / 479_001_600.0
    cosine = cosine * square - 1 / 3_628_800.0
    cosine = cosine * square + 1 / 40_320.0
    cosine = cosine * square - 1 / 720.0
    cosine = cosine * square + 1 / 24.0
    cosine = cosine * square - 0.5
    cosine = cosine * square + 1

    switch Int(quotient) & 3 {
    case 0: return (sine, cosine)
    case 1: return (cosine, -sine)
    case 2: return (-sine, -cosine)
    default: return (-cosine, sine)
    }
}

/// The largest angle of ``sineCosine(_:)``.
package let largestAngle = 1e9
