import Foundation
import LongLM
import TestSupport

/// The Llama forward pass with naive Self-Extend in double precision, written from the formulas alone: no cache, no
/// blocks, every pair of positions rotated on its own terms.
package struct DoubleLlama {
    private let tiny: TinyLlama
    private let weights: [String: [Double]]

    package init(_ tiny: TinyLlama) {
        self.tiny = tiny
        weights = Dictionary(uniqueKeysWithValues: tiny.tensors().map { ($0.name, $0.values.map(Double.init)) })
    }

    /// Logits [N, V], row by row.
    package func logits(_ tokens: [Int], _ selfExtend: SelfExtend? = nil) -> [Double] {
        logits(tokens) { attend($0, $1, selfExtend) }
    }

    /// What an attention method comes to, for a query at i and a key at j.
    package struct Scheme {
        /// The distance at which a pair of components of both is scored.
        package var distance: (_ i: Int, _ j: Int, _ pair: Int) -> Double = { i, j, _ in Double(i - j) }
        /// The frequency of a pair; nil: the model's own.
        package var frequency: ((_ pair: Int) -> Double)?
        /// What scores are multiplied by.
        package var scale = 1.0

        package init() {}
    }

    /// Logits [N, V], row by row, of distances that are written down for each pair of positions.
    package func logits(_ tokens: [Int], by scheme: Scheme) -> [Double] {
        logits(tokens) { attend($0, $1, scheme) }
    }

    private func logits(_ tokens: [Int], attend: ([[Double]], String) -> [[Double]]) -> [Double] {
        let width = tiny.hiddenSize
        let embedding = self["model.embed_tokens"]
        var stream = tokens.map { Array(embedding[($0 * width)..<(($0 + 1) * width)]) }
        for layer in 0..<tiny.layerCount {
            let name = "model.layers.\(layer)."
            let attended = attend(stream.map { normalize($0, name + "input_layernorm") }, name)
            for row in stream.indices { stream[row] = sum(stream[row], attended[row]) }
            for row in stream.indices {
                let input = normalize(stream[row], name + "post_attention_layernorm")
                let gate = multiply(input, name + "mlp.gate_proj")
                let up = multiply(input, name + "mlp.up_proj")
                let gated = zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 }
                stream[row] = sum(stream[row], multiply(gated, name + "mlp.down_proj"))
            }
        }
        return stream.flatMap {
            multiply(normalize($0, "model.norm"), tiny.tiesEmbeddings ? "model.embed_tokens" : "lm_head")
        }
    }

    private subscript(name: String) -> [Double] { weights[name + ".weight"] ?? [] }

    private func sum(_ left: [Double], _ right: [Double]) -> [Double] { zip(left, right).map(+) }

    private func normalize(_ input: [Double], _ name: String) -> [Double] {
        let square = input.reduce(0) { $0 + $1 * $1 } / Double(input.count)
        let scale = 1 / (square + tiny.normEpsilon).squareRoot()
        return zip(input, self[name]).map { $0 * scale * $1 }
    }

    private func multiply(_ input: [Double], _ name: String) -> [Double] {
        let matrix = self[name]
        return (0..<(matrix.count / input.count)).map { row in
            var sum = 0.0
            for column in input.indices { sum += matrix[row * input.count + column] * input[column] }
            return sum
        }
    }

    private func attend(_ input: [[Double]], _ name: String, _ scheme: Scheme) -> [[Double]] {
        attend(input, name) { query, key, i, j in
            let half = tiny.headDimension / 2
            var score = 0.0
            for pair in 0..<half {
                let frequency: Double = scheme.frequency?(pair) ?? Double(frequency(pair))
                let angle: Double = scheme.distance(i, j, pair) * frequency
                let (a, b, c, d) = (query[pair], query[pair + half], key[pair], key[pair + half])
                score += (a * c + b * d) * cos(angle)
                score += (a * d - b * c) * sin(angle)
            }
            return score * scheme.scale
        }
    }

    private func attend(_ input: [[Double]], _ name: String, _ selfExtend: SelfExtend?) -> [[Double]] {
        let positions = input.indices.map(Float.init)
        let trueAngles = positions.map(angles)
        let groupedQueryAngles = input.indices.map { angles(Self.groupedQueryPosition($0, selfExtend)) }
        let groupedKeyAngles = input.indices.map { angles(Float($0 / (selfExtend?.groupSize ?? 1))) }

        return attend(input, name) { query, key, i, j in
            let isNeighbor = i - j < selfExtend?.neighborWindow ?? .max
            let rotatedQuery = rotate(query, isNeighbor ? trueAngles[i] : groupedQueryAngles[i])
            let rotatedKey = rotate(key, isNeighbor ? trueAngles[j] : groupedKeyAngles[j])
            let score = zip(rotatedQuery, rotatedKey).reduce(0) { $0 + $1.0 * $1.1 }
            return score * Self.queryScale(i, selfExtend)
        }
    }

    /// Attention with a score for each query, key, i and j, before it is divided by √D.
    private func attend(
        _ input: [[Double]], _ name: String, score: (_ query: [Double], _ key: [Double], _ i: Int, _ j: Int) -> Double
    ) -> [[Double]] {
        let dimension = tiny.headDimension
        let keys = input.map { multiply($0, name + "self_attn.k_proj") }
        let values = input.map { multiply($0, name + "self_attn.v_proj") }
        let sharing = tiny.queryHeadCount / tiny.keyValueHeadCount
        return input.indices.map { i in
            let query = multiply(input[i], name + "self_attn.q_proj")
            var output: [Double] = []
            for head in 0..<tiny.queryHeadCount {
                let own = Array(query[(head * dimension)..<((head + 1) * dimension)])
                let first = head / sharing * dimension
                let scores = (0...i).map { j in
                    score(own, Array(keys[j][first..<(first + dimension)]), i, j) / Double(dimension).squareRoot()
                }
                let greatest = scores.max() ?? 0
                let exponentials = scores.map { exp($0 - greatest) }
                let total = exponentials.reduce(0, +)
                var mixed = [Double](repeating: 0, count: dimension)
                for j in 0...i {
                    for d in 0..<dimension { mixed[d] += exponentials[j] / total * values[j][first + d] }
                }
                output += mixed
            }
            return multiply(output, name + "self_attn.o_proj")
        }
    }

    private static func groupedQueryPosition(_ i: Int, _ selfExtend: SelfExtend?) -> Float {
        guard let selfExtend else { return Float(i) }
        let (group, window) = (selfExtend.groupSize, selfExtend.neighborWindow)
        switch selfExtend.shift {
        case .floor: return Float(i / group + window - window / group)
        case .fractional: return Float(Double(i / group) + Double(window) - Double(window) / Double(group))
        }
    }

    private static func queryScale(_ i: Int, _ selfExtend: SelfExtend?) -> Double {
        guard let base = selfExtend?.queryScaleBase else { return 1 }
        return max(1, log(Double(i + 1)) / log(Double(base)))
    }

    /// The angles as the engine defines them: float32 positions and frequencies, and a product rounded to float32.
    private func angles(_ position: Float) -> [Double] {
        (0..<(tiny.headDimension / 2)).map { Double(position * frequency($0)) }
    }

    private func frequency(_ k: Int) -> Float {
        1 / Float(pow(tiny.ropeTheta, Double(2 * k) / Double(tiny.headDimension)))
    }

    private func rotate(_ head: [Double], _ angles: [Double]) -> [Double] {
        let half = angles.count
        var rotated = head
        for k in 0..<half {
            rotated[k] = head[k] * cos(angles[k]) - head[k + half] * sin(angles[k])
            rotated[k + half] = head[k + half] * cos(angles[k]) + head[k] * sin(angles[k])
        }
        return rotated
    }
}
