import SIMDKernels

/// The model as it was trained: every key at its true position.
package struct PlainAttention: AttentionMethod {
    package init() {}

    package var zones: [AttentionZone] { [AttentionZone(from: .beginning)] }
    package func queryPosition(_ position: Int, zone: Int, pairBlock: Int) -> Float { Float(position) }
    package func keyPosition(_ position: Int, pairBlock: Int) -> Float { Float(position) }
    package func capacity(contextLength: Int) -> Int { contextLength }
    package func validate(contextLength: Int) throws(AttentionError) {}
}

extension AttentionMethod where Self == PlainAttention {
    /// The model as it was trained.
    package static var plain: PlainAttention { PlainAttention() }
}

extension PlainAttention: NamedMethod {
    package static var name: String { "plain" }
    package static var title: String { "plain attention" }
    package static var form: String { "plain" }
    package var mode: AttentionMode { .plain }
    package var settings: String { "" }
    package init?(_ settings: inout SettingsReader) {}
    package static func recommended(length: Int, trainedContext: Int) -> PlainAttention { .plain }
}
