import Foundation

/// How two predictions of one token differ.
package struct PredictionDifference {
    /// −ln of the model's probability of the token.
    package let loss: Double
    /// −ln of the reference's probability of the token.
    package let referenceLoss: Double
    /// KL(reference ‖ model) in nats.
    package let divergence: Double
    /// Whether another token is the most probable. Of several, the first counts.
    package let changesTop: Bool

    /// - Parameters:
    ///   - logits: The model's, [V].
    ///   - reference: The reference's, [V].
    ///   - token: The token that follows.
    package init(logits: ArraySlice<Float>, reference: ArraySlice<Float>, token: Int) {
        precondition(logits.count == reference.count, "the vocabulary is the same")
        let result = logits.withUnsafeBufferPointer { logits in
            reference.withUnsafeBufferPointer { reference in
                let (top, referenceTop) = (Self.top(logits), Self.top(reference))
                let (greatest, referenceGreatest) = (Double(logits[top]), Double(reference[referenceTop]))
                // With x and y for the logits less the greatest, KL is Σ eʸ (y − x) / Σ eʸ − ln Σ eʸ + ln Σ eˣ.
                var (sum, referenceSum, weighted) = (0.0, 0.0, 0.0)
                for index in logits.indices {
                    let own = Double(logits[index]) - greatest
                    let other = Double(reference[index]) - referenceGreatest
                    let weight = exp(other)
                    sum += exp(own)
                    referenceSum += weight
                    // What the reference holds for impossible adds nothing.
                    if weight > 0 { weighted += weight * (other - own) }
                }
                let (scale, referenceScale) = (log(sum), log(referenceSum))
                return (
                    loss: greatest + scale - Double(logits[token]),
                    referenceLoss: referenceGreatest + referenceScale - Double(reference[token]),
                    divergence: weighted / referenceSum + (scale - referenceScale), changesTop: top != referenceTop
                )
            }
        }
        loss = result.loss
        referenceLoss = result.referenceLoss
        // Rounding alone can make it less than 0.
        divergence = result.divergence < 0 ? 0 : result.divergence
        changesTop = result.changesTop
    }

    /// The first index of the greatest number.
    private static func top(_ numbers: UnsafeBufferPointer<Float>) -> Int {
        var top = 0
        for index in numbers.indices where numbers[index] > numbers[top] { top = index }
        return top
    }
}
