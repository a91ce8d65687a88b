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
        #expect(try decode(json) == [ChatMessage(role: .user, content: "hi")])
    }

    @Test(arguments: [
        #"[{"role": "narrator", "content": "x"}]"#, #"[{"role": "user"}]"#, #"[{"content": "x"}]"#,
        #"[{"role": "user", "content": 3}]"#, #"[{"role": "user", "content": null}]"#, #"["user"]"#,
    ])
    func refusals(json: String) {
        #expect(throws: DecodingError.self) { try decode(json) }
    }
}
