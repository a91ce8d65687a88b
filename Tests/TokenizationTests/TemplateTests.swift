import Foundation
import TestSupport
import Testing
import Tokenization

/// Templates run as Jinja2 runs them, set up as transformers sets it up.
@Suite struct TemplateTests {
    @Test func templatesEqualJinja2() throws {
        let templates = TemplateGoldens.elements(try TemplateGoldens.file.get()["templates"])
        #expect(templates.count >= 20)
        for template in templates {
            let name = try #require(template["name"]?.string)
            let format = try TemplateGoldens.format(try #require(template["template"]?.string))
            for (index, chat) in TemplateGoldens.elements(template["cases"]).enumerated() {
                guard let expected = chat["text"]?.string else {
                    #expect(throws: TokenizerError.self, "\(name) \(index)") {
                        try TemplateGoldens.render(chat, with: format)
                    }
                    continue
                }
                do {
                    let text = try TemplateGoldens.render(chat, with: format)
                    #expect(scalars(text) == scalars(expected), "\(name) \(index): \(text.debugDescription)")
                } catch { Issue.record("\(name) \(index): \(error)") }
            }
        }
    }

    /// Integers that 64 bits don't hold are refused, or rounded if that is asked for.
    @Test func largeIntegers() throws {
        let text = Array("[9223372036854775807, 9223372036854775808, 18446744073709551615, 1.5, 1e30]".utf8)
        #expect(throws: TokenizerError.invalidValue(file: "x", key: "[1]", expected: "an integer of 64 bits")) {
            try TemplateValue(json: text, name: "x")
        }
        let rounded = try TemplateValue(json: text, name: "x", roundsLargeIntegers: true)
        #expect(rounded == [.integer(.max), .double(0x1p63), .double(0x1p64), .double(1.5), .double(1e30)])
        let small = Array(#"{"a": [1, {"b": -2}]}"#.utf8)
        #expect(
            try TemplateValue(json: small, name: "x")
                == TemplateValue(json: small, name: "x", roundsLargeIntegers: true))
    }

    @Test(arguments: ["expressions", "blocks"])
    func smallTemplatesEqualJinja2(kind: String) throws {
        let file = try TemplateGoldens.file.get()
        let (variables, small) = (try #require(file["variables"]), TemplateGoldens.elements(file[kind]))
        #expect(small.count > 100)
        for golden in small {
            let source = try #require(golden["source"]?.string)
            let template = kind == "blocks" ? source : "{{ " + source + " }}"
            let text = try? TemplateGoldens.render(template, variables)
            if !Self.unsupported.contains(source) {
                #expect(text.map(scalars) == golden["text"]?.string.map(scalars), "\(source): \(text.debugDescription)")
            } else {
                #expect(text == nil, "\(source)")
            }
        }
    }

    /// What Jinja2 can do and this doesn't, because no chat template needs it.
    private static let unsupported: Set<String> = ["'%s' % 1", #""\N{BULLET}""#]

    // MARK: - Published templates

    @Test(.enabled(if: FetchedModel.templates.isExpected, Comment(rawValue: FetchedModel.templates.absence)))
    func publishedTemplatesEqualJinja2() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: FetchedModel.templates.directory).sorted()
        var (equal, count) = (0, 0)
        for name in names where name.hasSuffix(".json") {
            let golden = try TemplateValue(contentsOfFile: FetchedModel.templates.directory + "/" + name)
            let chats = TemplateGoldens.elements(golden["cases"])
            count += chats.count
            let format: ChatFormat
            do {
                format = try TemplateGoldens.format(try #require(golden["template"]?.string))
            } catch {
                Issue.record("\(name): \(error)")
                continue
            }
            for (index, chat) in chats.enumerated() {
                do {
                    let text = try TemplateGoldens.render(chat, with: format)
                    let expected = chat["text"]?.string
                    let isEqual = expected.map(scalars) == scalars(text)
                    if isEqual { equal += 1 }
                    #expect(isEqual, "\(name) \(index): \(text.debugDescription)\n\(expected.debugDescription)")
                } catch {
                    let isEqual = chat["text"] == .null
                    if isEqual { equal += 1 }
                    #expect(isEqual, "\(name) \(index): \(error)")
                }
            }
        }
        print("published templates: \(equal) of \(count) chats are equal")
        #expect(count > 2_000)
    }
}
