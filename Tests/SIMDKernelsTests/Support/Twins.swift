import Foundation
import SIMDKernels

// The kernels' plain twins: the same mathematics, element by element, in Double.
//
// A Double has 29 bits more than a Float, so a twin's own error is below 10⁻⁸ of the bounds that the tests allow and is
// left out of them.

/// u: half the distance from 1 to the next Float, the largest relative error of one rounding.
let roundoff = 0x1p-24

enum Twins {
    /// input [M, K] · weightsᵀ, with weights [N, K], and Σ|a·b| of each output, which its error bound is made of.
    static func matmul(
        _ input: [Float], _ weights: [Float], rowCount: Int, columnCount: Int, depth: Int
    ) -> (product: [Double], magnitude: [Double]) {
        var product: [Double] = []
        var magnitude: [Double] = []
        for row in 0..<rowCount {
            for column in 0..<columnCount {
                var sum = 0.0
                var size = 0.0
                for k in 0..<depth {
                    let term = Double(input[row * depth + k]) * Double(weights[column * depth + k])
                    sum += term
                    size += abs(term)
                }
                product.append(sum)
                magnitude.append(size)
            }
        }
        return (product, magnitude)
    }

    static func rmsNorm(_ input: [Float], weight: [Float], epsilon: Float) -> [Double] {
        let meanSquare = input.reduce(0) { $0 + Double($1) * Double($1) } / Double(input.count)
        let scale = 1 / (meanSquare + Double(epsilon)).squareRoot()
        return zip(input, weight).map { Double($0) * scale * Double($1) }
    }

    static func layerNorm(_ input: [Float], weight: [Float], epsilon: Float) -> [Double] {
        let mean = input.reduce(0) { $0 + Double($1) } / Double(input.count)
        let variance = input.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) } / Double(input.count)
        let scale = 1 / (variance + Double(epsilon)).squareRoot()
        return zip(input, weight).map { (Double($0) - mean) * scale * Double($1) }
    }

    /// The function by its definition. In both forms of GELU the part that vanishes is written as one that loses
    /// nothing: 1 + erf(z) = erfc(−z), and (1 + tanh u) / 2 = 1 / (1 + e^−2u).
    static func activate(_ activation: Activation, _ input: Float) -> Double {
        let x = Double(input)
        switch activation {
        case .identity: return x
        case .silu: return x / (1 + exp(-x))
        case .gelu: return 0.5 * x * erfc(-x / 2.0.squareRoot())
        case .geluTanh: return x / (1 + exp(-2 * (2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
        case .softCap(let cap): return Double(cap) * tanh(x / Double(cap))
        }
    }

    static func siluProduct(gate: Float, up: Float) -> Double {
        Double(gate) / (1 + exp(-Double(gate))) * Double(up)
    }

    /// One head, half-split: component k pairs with component k + D/2.
    static func rotate(_ head: [Double], cosines: [Double], sines: [Double], factor: Double = 1) -> [Double] {
        let half = head.count / 2
        return (0..<head.count).map { d in
            let k = d % half
            return factor
                * (d < half
                    ? head[k] * cosines[k] - head[k + half] * sines[k]
                    : head[k + half] * cosines[k] + head[k] * sines[k])
        }
    }

    /// Two passes over a row of merged scores: the greatest score first, then the weighted mean of `values` [S, D].
    static func softmaxMean(_ scores: [Double], _ values: (Int) -> ArraySlice<Float>) -> [Double] {
        let greatest = scores.max() ?? 0
        var total = 0.0
        var mean: [Double] = []
        for (index, score) in scores.enumerated() {
            let weight = exp(score - greatest)
            let value = values(index)
            if mean.isEmpty { mean = Array(repeating: 0, count: value.count) }
            for (d, component) in value.enumerated() { mean[d] += weight * Double(component) }
            total += weight
        }
        return mean.map { $0 / total }
    }
}

/// The naive same-precision method, in Float and without any fused operation: what an error is compared with where a
/// proven bound would be far above what happens.
enum Naive {
    static func softmaxMean(_ scores: [Float], _ values: (Int) -> ArraySlice<Float>) -> [Float] {
        let greatest = scores.max() ?? 0
        var total: Float = 0
        var mean: [Float] = []
        for (index, score) in scores.enumerated() {
            let weight = expf(score - greatest)
            let value = values(index)
            if mean.isEmpty { mean = Array(repeating: 0, count: value.count) }
            for (d, component) in value.enumerated() { mean[d] += weight * component }
            total += weight
        }
        return mean.map { $0 / total }
    }
}

/// The greatest |actual − exact|, or NaN if any is NaN.
func greatestError(_ actual: [Float], _ exact: [Double]) -> Double {
    zip(actual, exact).reduce(0) { greatest, pair in
        let error = abs(Double(pair.0) - pair.1)
        return error.isNaN || error > greatest ? error : greatest
    }
}

/// The first place where actual is farther from exact than its bound, or NaN.
func firstError(_ actual: [Float], _ exact: [Double], _ bounds: [Double]) -> Int? {
    exact.indices.first { !(abs(Double(actual[$0]) - exact[$0]) <= bounds[$0]) }
}
