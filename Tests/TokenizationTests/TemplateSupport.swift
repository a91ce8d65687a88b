import Foundation
import TestSupport
import Testing
import Tokenization

/// Templates, and what Jinja2 makes of them.
enum TemplateGoldens {
    /// The moment at which Jinja2's clock stood still.
    static let now = Calendar(identifier: .gregorian).date(
        from: DateComponents(year: 2026, month: 3, day: 5, hour: 12, minute: 34, second: 56))

    static let tokens = ["bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"]

    /// What Fixtures/make_template_goldens.py has written.
    static let file = Result {
        try TemplateValue(contentsOfFile: Goldens.url("templates").path(percentEncoded: false))
    }

    /// A format that runs a template.
    static func format(_ template: String) throws(TokenizerError) -> ChatFormat {
        var members = [TemplateValue.Member("chat_template", .string(template))]
        members += tokens.map { TemplateValue.Member($0.key, .string($0.value)) }
        return try ChatFormat(
            tokenizerConfiguration: jsonText(.object(members)), name: "c.json", today: now ?? Date())
    }

    private static func jsonText(_ value: TemplateValue) -> [UInt8] {
        guard case .object(let members) = value else { return [] }
        let strings = Dictionary(uniqueKeysWithValues: members.map { ($0.key, $0.value.string ?? "") })
        return (try? JSONEncoder().encode(strings)).map { [UInt8]($0) } ?? []
    }

    /// What a template makes of variables alone.
    static func render(_ template: String, _ variables: TemplateValue = [:]) throws(TokenizerError) -> String {
        var named: [String: TemplateValue] = [:]
        if case .object(let members) = variables { for member in members { named[member.key] = member.value } }
        return try format(template).render(messages: [], variables: named)
    }

    /// Renders a chat of a golden file, with the options that it states.
    static func render(_ chat: TemplateValue, with format: ChatFormat) throws -> String {
        guard case .object(let members) = chat, case .array(let messages)? = chat["messages"] else {
            throw CocoaError(.coderReadCorrupt)
        }
        func list(_ key: String) -> [TemplateValue]? {
            if case .array(let elements)? = chat[key] { elements } else { nil }
        }
        let known = ["messages", "tools", "documents", "text", "error", "add_generation_prompt"]
        var variables: [String: TemplateValue] = [:]
        for member in members where !known.contains(member.key) { variables[member.key] = member.value }
        return try format.render(
            messages: messages, tools: list("tools"), documents: list("documents"), variables: variables,
            addGenerationPrompt: chat["add_generation_prompt"] == .bool(true))
    }

    static func elements(_ value: TemplateValue?) -> [TemplateValue] {
        if case .array(let elements)? = value { elements } else { [] }
    }
}
