import LongLM

/// What a model's chat format says about functions.
struct ToolFormat: Sendable {
    /// How the model writes calls. A template without functions, or with a form of calls that isn't known, gets Hermes'
    /// form, and functions, calls and results as text.
    let form: ToolCallForm
    /// Whether the template itself has a place for all that.
    let isBuiltIn: Bool
    /// Whether calls have ids.
    let hasIdentifiers: Bool
    /// Whether answers begin within a thought, so that none can be made a call.
    let startsInThought: Bool

    init(_ format: ChatFormat?) {
        let form = format?.toolCallForm
        self.form = form ?? .hermes
        hasIdentifiers = self.form.frame(ofCallTo: "f", id: "a") != self.form.frame(ofCallTo: "f", id: "b")
        isBuiltIn = form != nil
        startsInThought = format?.startsAnswersInThought ?? false
    }
}
