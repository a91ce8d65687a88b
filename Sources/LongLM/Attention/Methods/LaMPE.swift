/// LaMPE: all positions of a text of N tokens mapped to U of them, apart from near keys (Length-aware Multi-grained
/// Positional Encoding; the formulas are those of github.com/scar-on/LaMPE).
///
/// With map(j) = ⌊j · U/(N − 1)⌋, a key fewer than H positions back is scored at its true distance. A farther key is
/// scored between map(i) + H − (map(H) + 1) and map(j). Cosines and sines are multiplied by a factor. Far keys and the
/// last H keys are kept as two copies, as for Self-Extend. The authors take the length that a text has so far for N, so
/// their keys move as it grows; here N is a setting, and no key moves. A zone of its own for the first 200 tokens, which
/// another file of theirs has, isn't here.
public struct LaMPE: Sendable, Equatable {
    /// N: the length of the text that is mapped. From 2 to 2²⁴.
    public var length: Int
    /// U: the map of the last of the N positions. At least 1.
    public var mappedLength: Int
    /// H: how many of the last keys, including the query's own, keep their true positions. At least 1 and less than the
    /// model's context.
    public var neighborWindow: Int
    /// What cosines and sines of queries and keys are multiplied by.
    public var attentionFactor: Double

    /// LaMPE with a length, what it is mapped to, and a window; by default with the authors' factor.
    public init(
        length: Int, mappedLength: Int, neighborWindow: Int,
        attentionFactor: Double = STRING.publishedAttentionFactor
    ) {
        self.length = length
        self.mappedLength = mappedLength
        self.neighborWindow = neighborWindow
        self.attentionFactor = attentionFactor
    }

    /// map(j).
    private func map(_ position: Int) -> Int { position * mappedLength / (length - 1) }

    /// H − (map(H) + 1), which lets near and far distances meet.
    private var shift: Int { neighborWindow - (map(neighborWindow) + 1) }
}

extension LaMPE: NeighborMethod {
    package func farQueryPosition(_ position: Int, pairBlock: Int) -> Float {
        // Before H there are no far keys, and nothing reads the position.
        Float(max(0, map(position) + shift))
    }

    package func keyPosition(_ position: Int, pairBlock: Int) -> Float { Float(map(position)) }
    package func rotary(of model: ModelConfiguration) -> RotaryConfiguration {
        model.rotary.multiplied(by: attentionFactor)
    }

    package func capacity(contextLength: Int) -> Int {
        guard isInRange else { return contextLength }
        // The greatest n with ⌊(n − 1) · U/(N − 1)⌋ + shift < L.
        let room = (contextLength - shift) * (length - 1)
        return room <= 0 ? neighborWindow : max(neighborWindow, (room - 1) / mappedLength + 1)
    }

    /// Whether no product overflows.
    private var isInRange: Bool {
        (2...Positions.maximumCount).contains(length) && (1...Positions.maximumCount).contains(mappedLength)
            && (1...Positions.maximumCount).contains(neighborWindow)
    }

    package func validate(contextLength: Int) throws(AttentionError) {
        guard (2...Positions.maximumCount).contains(length) else {
            throw .invalidOption(InvalidOption("length of LaMPE", length, between: 2, and: Positions.maximumCount))
        }
        try validateWindow(neighborWindow, contextLength: contextLength)
        guard (1..<contextLength).contains(mappedLength), mappedLength + shift < contextLength else {
            throw .invalidOption(
                InvalidOption(
                    "mapped length", mappedLength,
                    allowed: "at least 1, and with the window's shift less than the model's context length of "
                        + "\(contextLength)"))
        }
        try checkAttentionFactor(attentionFactor)
    }
}

extension LaMPE: NamedMethod {
    package static var name: String { "lampe" }
    package static var title: String { "LaMPE" }
    package static var form: String {
        "lampe:N:U:H or lampe:N:U:H:factor, such as lampe:16384:3584:512"
    }
    package var mode: AttentionMode { .laMPE(self) }
    package var settings: String {
        "\(length):\(mappedLength):\(neighborWindow)" + attentionFactorText(attentionFactor)
    }

    package init?(_ settings: inout SettingsReader) {
        guard let length = settings.integer(), let mapped = settings.integer(), let window = settings.integer() else {
            return nil
        }
        self.init(
            length: length, mappedLength: mapped, neighborWindow: window,
            attentionFactor: settings.number() ?? STRING.publishedAttentionFactor)
    }

    /// H is a sixteenth of L, as the authors' 512 of 8,192. With this U, distances in N tokens stay below half of L, as
    /// Self-Extend's do where they can. (The authors fit U for each model.)
    package static func recommended(length: Int, trainedContext: Int) -> LaMPE {
        let window = max(1, trainedContext / 16)
        let mapped = max(1, min(length - 1, trainedContext / 2 - window))
        return LaMPE(length: max(2, length), mappedLength: mapped, neighborWindow: window)
    }
}
