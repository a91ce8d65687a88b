import Foundation

/// A checkpoint's chat template: a Jinja program that turns a chat into text.
///
/// It runs as `transformers` runs it (`trim_blocks`, `lstrip_blocks`, loop controls, an immutable sandbox, `tojson`
/// without HTML escapes).
struct ChatTemplate: Sendable {
    /// The text of a template, parsed.
    struct Program: Sendable {
        /// Where it comes from, for errors.
        let file: String
        let text: String
        let statements: [JinjaStatement]

        /// - Throws: `unsupportedChatTemplate`.
        init(_ text: String, file: String) throws(TokenizerError) {
            self.file = file
            self.text = text
            do throws(JinjaError) {
                statements = try JinjaParser.statements(of: text)
            } catch { throw .unsupportedChatTemplate(file: file, line: error.line, reason: error.reason) }
        }
    }

    /// What a template is run with.
    struct Input {
        var messages: [TemplateValue]
        var tools: [TemplateValue]?
        var documents: [TemplateValue]?
        var variables: [String: TemplateValue] = [:]
        var addGenerationPrompt: Bool
    }

    let program: Program
    /// The template for chats with tools, where the checkpoint has one of its own for them.
    let toolProgram: Program?
    /// The tokenizer's special tokens by their names, such as `bos_token`.
    let tokens: [String: String]
    /// The date for templates that state one.
    let today: Date

    /// Runs the template.
    ///
    /// - Throws: `unsupportedChat` for a chat that the template refuses, `failedChatTemplate` for one that it can't
    ///   express, and `unsupportedChatTemplate` for a part of Jinja that isn't implemented.
    func transcript(_ input: Input) throws(TokenizerError) -> ChatTranscript {
        let program = input.tools == nil ? program : toolProgram ?? program
        var variables = tokens.map { JinjaVariable(name: $0.key, value: .string($0.value), isTrusted: true) }
        variables += [
            JinjaVariable(name: "messages", value: .array(input.messages)),
            JinjaVariable(name: "tools", value: input.tools.map { .array($0) } ?? .null),
            JinjaVariable(name: "documents", value: input.documents.map { .array($0) } ?? .null),
            JinjaVariable(name: "add_generation_prompt", value: .bool(input.addGenerationPrompt)),
        ]
        variables += input.variables.map { JinjaVariable(name: $0.key, value: $0.value) }
        let interpreter = JinjaInterpreter(limits: JinjaLimits(), now: today)
        let text: JinjaText
        do throws(JinjaError) {
            text = try interpreter.render(program.statements, variables: variables)
        } catch {
            switch error.kind {
            case .refusal: throw .unsupportedChat(reason: error.reason)
            case .syntax, .unsupported:
                throw .unsupportedChatTemplate(file: program.file, line: error.line, reason: error.reason)
            case .limit, .evaluation:
                throw .failedChatTemplate(file: program.file, line: error.line, reason: error.reason)
            }
        }
        var transcript = ChatTranscript()
        text.forEachPart { scalars, isOutside in
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars)
            isOutside ? transcript.content(String(view)) : transcript.frame(String(view))
        }
        return transcript
    }
}

/// Templates are compared by their texts and tokens, not by their dates and files.
extension ChatTemplate: Equatable {
    static func == (left: ChatTemplate, right: ChatTemplate) -> Bool {
        left.program == right.program && left.toolProgram == right.toolProgram && left.tokens == right.tokens
    }
}

extension ChatTemplate.Program: Equatable {
    static func == (left: Self, right: Self) -> Bool {
        left.text.unicodeScalars.elementsEqual(right.text.unicodeScalars)
    }
}
