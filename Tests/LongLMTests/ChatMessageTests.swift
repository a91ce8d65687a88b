import Foundation
import LongLM
import Testing

/// That messages are read and written in the form that chat clients use.
@Suite struct ChatMessageTests {
    private func decode(_ json: String) throws -> [ChatMessage] {
        try JSONDecoder().decode([ChatMessage].self, from: Data(json.utf8))
    }

    @Test func roundTrip() throws {
        let messages = [
            ChatMessage(role: .system, content: "be brief"), ChatMessage(role: .user, content: "a\n\"b\" é"),
            ChatMessage(role: .assistant, content: ""),
        ]
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let json = String(decoding: try encoder.encode(messages), as: UTF8.self)
        #expect(
            json == #"[{"content":"be brief","role":"system"},{"content":"a\n\"b\" é","role":"user"},"#
                + #"{"content":"","role":"assistant"}]"#)
        #expect(try decode(json) == messages)
    }

    /// Clients add members of their own.
    @Test func otherMembers() throws {
        let json = #"[{"name": "x", "role": "user", "content": "hi", "refusal": null}]"#
        var message = ChatMessage(role: .user, content: "hi")
        message.name = "x"
        #expect(try decode(json) == [message])
    }

    /// Beside calls, clients leave content out or make it null.
    @Test func calls() throws {
        let calls = [
            ToolCall(id: "call00000", name: "f", arguments: #"{"x": 1.0}"#), ToolCall(name: "g", arguments: "{}"),
        ]
        let messages = [
            ChatMessage.assistant("Let me see.", toolCalls: calls, reasoning: "hm"), .result("3", of: calls[0]),
        ]
        let json = try JSONEncoder().encode(messages)
        #expect(try decode(String(decoding: json, as: UTF8.self)) == messages)
        for content in ["", #""content": null, "#] {
            let call = #"{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}"#
            #expect(
                try decode(#"[{\#(content)"role": "assistant", "tool_calls": [\#(call)]}]"#)
                    == [.assistant(toolCalls: [ToolCall(id: "a", name: "f", arguments: "{}")])])
        }
    }

    @Test(arguments: [
        #"[{"role": "narrator", "content": "x"}]"#, #"[{"role": "user"}]"#, #"[{"content": "x"}]"#,
        #"[{"role": "user", "content": 3}]"#, #"[{"role": "user", "content": null}]"#, #"["user"]"#,
        #"[{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]"#,
    ])
    func refusals(json: String) {
        #expect(throws: DecodingError.self) { try decode(json) }
    }
}
