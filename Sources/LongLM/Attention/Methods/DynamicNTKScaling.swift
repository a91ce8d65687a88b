/// Dynamic NTK scaling for texts of up to N tokens: NTK-aware scaling by N/L (emozilla, 2023; the kind `dynamic` of
/// transformers with a factor of 1).
///
/// The original takes the length that a text has so far for N, so every key would have to be rotated again whenever the
/// text grows. Here N is a setting, and a token's logits don't depend on what comes after it. It takes no memory beyond
/// the plain model's. Up to L tokens, it is the plain model.
public struct DynamicNTKScaling: Sendable, Equatable {
    /// N, from 1 to 2²⁴.
    public var length: Int

    /// Dynamic NTK scaling for a length.
    public init(length: Int) { self.length = length }
}

extension DynamicNTKScaling: FrequencyMethod {
    package func rotary(_ own: RotaryConfiguration, contextLength: Int) -> RotaryConfiguration {
        own.stretched(by: max(1, Double(length) / Double(contextLength)))
    }

    package func capacity(contextLength: Int) -> Int { max(length, contextLength) }

    package func validate(contextLength: Int) throws(AttentionError) {
        guard (1...Positions.maximumCount).contains(length) else {
            throw .invalidOption(
                InvalidOption("length of \(Self.title)", length, between: 1, and: Positions.maximumCount))
        }
    }

    package static var name: String { "dynamic-ntk" }
    package static var title: String { "dynamic NTK scaling" }
    package static var form: String { "dynamic-ntk:N, such as dynamic-ntk:16384" }
    package var mode: AttentionMode { .dynamicNTK(self) }
    package var settings: String { "\(length)" }

    package init?(_ settings: inout SettingsReader) {
        guard let length = settings.integer() else { return nil }
        self.init(length: length)
    }

    package static func recommended(length: Int, trainedContext: Int) -> DynamicNTKScaling {
        DynamicNTKScaling(length: length)
    }
}
