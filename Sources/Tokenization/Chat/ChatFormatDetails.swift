import Foundation

/// The dates in the system message of Llama 3.1 and later.
struct Llama3Dates: Sendable, Equatable {
    let knowledge: String
    let today: String
}

/// How one version of Mistral's format spells a message.
struct MistralFrame: Sendable, Equatable {
    enum Term: Sendable, Equatable {
        case text(String)
        case content(isTrimmed: Bool)
        case system
        case endToken
    }

    /// Mistral 7B Instruct 0.3.
    static let version3 = MistralFrame(
        user: [.text("[INST] "), .content(isTrimmed: false), .text("[/INST]")],
        system: [.text("[INST] "), .system, .text("\n\n"), .content(isTrimmed: false), .text("[/INST]")],
        systemIsLast: true, assistant: [.text(" "), .content(isTrimmed: true), .endToken])

    var user: [Term]
    /// A user message that holds the system message too; nil where the format has no system message.
    var system: [Term]?
    /// Whether the last user message holds the system message; otherwise the first does.
    var systemIsLast: Bool
    var assistant: [Term]
}

/// The system message of SmolLM3.
struct SmolLM3Header: Sendable, Equatable {
    static let instructions = "You are a helpful AI assistant named SmolLM, trained by Hugging Face."

    let knowledgeDate: String
    let today: String
    /// The default instructions for the mode in which the model thinks before it answers.
    var thinkingInstructions = instructions
    /// The default instructions for the other mode.
    var plainInstructions = instructions

    /// Appends the header, with the chat's system message in it. In that message, `/think` and `/no_think` choose a mode,
    /// and `/system_override` makes it the whole header.
    ///
    /// - Returns: whether the model thinks before it answers.
    func append(system: String?, to transcript: inout ChatTranscript) -> Bool {
        let said = system ?? ""
        let thinks = !said.contains("/no_think")
        let custom = said.replacing("/no_think", with: "").replacing("/think", with: "").pythonRightStripped
        transcript.control("<|im_start|>")
        transcript.frame("system\n")
        if said.contains("/system_override") {
            transcript.content(custom.replacing("/system_override", with: "").pythonRightStripped)
            transcript.control("<|im_end|>")
            transcript.frame("\n")
            return thinks
        }
        transcript.frame("## Metadata\n\nKnowledge Cutoff Date: \(knowledgeDate)\nToday Date: \(today)\n")
        transcript.frame("Reasoning Mode: \(thinks ? "/think" : "/no_think")\n\n## Custom Instructions\n\n")
        if custom.isEmpty {
            transcript.frame(thinks ? thinkingInstructions : plainInstructions)
        } else {
            transcript.content(custom)
        }
        // The template ends this message only where it lists tools.
        transcript.frame("\n\n")
        return thinks
    }
}

extension Date {
    /// Such as 05 March 2026, by the local calendar.
    var long: String { formatted(monthLength: .max) }

    /// Such as 05 Mar 2026.
    var short: String { formatted(monthLength: 3) }

    private func formatted(monthLength: Int) -> String {
        let months = [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ]
        let parts = Calendar(identifier: .gregorian).dateComponents([.day, .month, .year], from: self)
        let (day, month, year) = (parts.day ?? 1, parts.month ?? 1, parts.year ?? 1970)
        return "\(day < 10 ? "0" : "")\(day) \(months[month - 1].prefix(monthLength)) \(year)"
    }
}
