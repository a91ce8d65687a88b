import Foundation
import SIMDKernels

/// STRING: positions that training showed seldom are replaced by frequent ones (An et al., 2024: arXiv 2410.18745).
///
/// A key fewer than S positions back is scored at its true distance. A farther key is scored between the positions
/// i − S + W and j, so the distances S, S + 1, … become W, W + 1, …. The authors' code also multiplies cosines
/// and sines by a factor, which the paper doesn't have; with a factor of 1, this is the paper's formula. Keys stand at one
/// position only: there is one copy of them, and the memory is the plain model's. A model trained for L tokens reaches
/// L + S − W.
public struct STRING: Sendable, Equatable {
    /// S: keys fewer than S positions back keep their true distances. At least W, and at most the model's context.
    public var shiftedDistance: Int
    /// W: what the distance S becomes. At least 1. Between W and S, two keys may have the same distance.
    public var localWindow: Int
    /// What cosines and sines of queries and keys are multiplied by.
    public var attentionFactor: Double

    /// What the authors of STRING and LaMPE multiply cosines and sines by: 0.1 · ln 2 + 1.
    public static let publishedAttentionFactor = 0.1 * log(2) + 1

    /// STRING with the least distance that is shifted, and what it becomes; by default with the authors' factor.
    public init(shiftedDistance: Int, localWindow: Int, attentionFactor: Double = publishedAttentionFactor) {
        self.shiftedDistance = shiftedDistance
        self.localWindow = localWindow
        self.attentionFactor = attentionFactor
    }
}

extension STRING: NamedMethod {
    package var zones: [AttentionZone] {
        [AttentionZone(from: .beginning), AttentionZone(from: .last(shiftedDistance))]
    }

    package func queryPosition(_ position: Int, zone: Int, pairBlock: Int) -> Float {
        // Queries without far keys have a far position, too. Nothing reads it.
        Float(zone == 0 ? max(0, position - shiftedDistance + localWindow) : position)
    }

    package func keyPosition(_ position: Int, pairBlock: Int) -> Float { Float(position) }
    package func rotary(of model: ModelConfiguration) -> RotaryConfiguration {
        model.rotary.multiplied(by: attentionFactor)
    }

    package func capacity(contextLength: Int) -> Int {
        Int(clamping: Int128(contextLength) + Int128(shiftedDistance) - Int128(localWindow))
    }

    package func validate(contextLength: Int) throws(AttentionError) {
        guard shiftedDistance >= 1, shiftedDistance <= contextLength else {
            throw .invalidOption(
                InvalidOption(
                    "shifted distance", shiftedDistance,
                    allowed: "at least 1 and at most the model's context length of \(contextLength)"))
        }
        guard localWindow >= 1, localWindow <= shiftedDistance else {
            throw .invalidOption(
                InvalidOption(
                    "local window", localWindow,
                    allowed: "at least 1 and at most the shifted distance of \(shiftedDistance)"))
        }
        try checkAttentionFactor(attentionFactor)
    }

    package static var name: String { "string" }
    package static var title: String { "STRING" }
    package static var form: String { "string:S:W or string:S:W:factor, such as string:2730:128" }
    package var mode: AttentionMode { .string(self) }
    package var settings: String { "\(shiftedDistance):\(localWindow)" + attentionFactorText(attentionFactor) }

    package init?(_ settings: inout SettingsReader) {
        guard let distance = settings.integer(), let window = settings.integer() else { return nil }
        self.init(
            shiftedDistance: distance, localWindow: window,
            attentionFactor: settings.number() ?? STRING.publishedAttentionFactor)
    }

    /// W is the authors' 128, but at most an eighth of L. S is their third of L, and greater if N needs that.
    package static func recommended(length: Int, trainedContext: Int) throws(AttentionError) -> STRING {
        let window = max(1, min(publishedWindow, trainedContext / 8))
        let distance = max(trainedContext / 3, length - trainedContext + window, window)
        guard distance <= trainedContext else {
            throw .lengthOutOfReach(
                method: title, length: length, trainedContext: trainedContext,
                longestLength: 2 * trainedContext - window)
        }
        return STRING(shiftedDistance: distance, localWindow: window)
    }

    private static let publishedWindow = 128
}
