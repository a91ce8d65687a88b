import Foundation
import Tokenization

/// A chat template and, after a byte 255, what the last message says.
enum TemplateTarget {
    static func run(_ input: [UInt8]) {
        let (template, text) = Input.halves(input)
        let source = Input.quoted(String(decoding: template, as: UTF8.self))
        let file = #"{"bos_token": "<s>", "eos_token": "</s>", "chat_template": \#(source)}"#
        do throws(TokenizerError) {
            let format = try ChatFormat(
                tokenizerConfiguration: Array(file.utf8), name: "tokenizer_config.json",
                today: Date(timeIntervalSince1970: 1_700_000_000))
            let messages = chat + [["role": "user", "content": .string(text)]]
            _ = try format.render(messages: messages)
            _ = try format.render(messages: messages, tools: tools, addGenerationPrompt: false)
        } catch {
            precondition(!error.description.isEmpty)
        }
    }

    private static let chat: [TemplateValue] = [
        ["role": "system", "content": "Be brief."],
        ["role": "user", "content": "What is the weather?"],
        [
            "role": "assistant", "content": "",
            "tool_calls": [
                ["type": "function", "function": ["name": "weather", "arguments": ["place": "Paris", "days": 2]]]
            ],
        ],
        ["role": "tool", "name": "weather", "content": "sunny"],
        ["role": "assistant", "content": "Sunny."],
    ]

    private static let tools: [TemplateValue] = [
        [
            "type": "function",
            "function": [
                "name": "weather", "description": "The weather of a place.",
                "parameters": [
                    "type": "object", "properties": ["place": ["type": "string"], "days": ["type": "integer"]],
                ],
            ],
        ]
    ]
}
