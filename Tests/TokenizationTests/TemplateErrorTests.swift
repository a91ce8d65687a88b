import Foundation
import TestSupport
import Testing
import Tokenization

/// What templates may not do, and what becomes of those that try.
@Suite struct TemplateErrorTests {
    private func error(_ template: String, _ variables: TemplateValue = [:]) -> TokenizerError? {
        do throws(TokenizerError) {
            _ = try TemplateGoldens.render(template, variables)
            return nil
        } catch { return error }
    }

    /// Errors that are found when a template is loaded, with their lines.
    @Test(arguments: [
        ("a\n{% for x in y recursive %}{% endfor %}", 2, "a recursive loop isn't supported"),
        ("{% include 'a' %}", 1, "{% include %} isn't supported"), ("{% import 'a' as b %}", 1, "{% import %} isn't"),
        ("{% extends 'a' %}", 1, "{% extends %} isn't"), ("{% block a %}{% endblock %}", 1, "{% block %} isn't"),
        ("{% from 'a' import b %}", 1, "{% from %} isn't"), ("{% do x %}", 1, "{% do %} isn't"),
        ("\n\n{{ x | urlize }}", 3, "the filter urlize isn't supported"),
        ("{% nope %}", 1, "unexpected {% nope %}"), ("{% if x %}\n\n", 2, "{% endif %} is missing"),
        ("{% for x in y %}{% endif %}", 1, "unexpected {% endif %}"), ("\n{{ 'a }}", 2, "the string has no end"),
        ("{# a", 1, "the comment has no end"), ("{% raw %}a", 1, "{% raw %} has no end"),
        ("{{ 1 + }}", 1, "unexpected }}"), ("{{ (1 }}", 1, "unexpected }"), ("{{ 1", 1, "the tag has no end"),
        ("{{ 1 2 }}", 1, "expected }}, not 2"),
        ("{{ 99999999999999999999 }}", 1, "the integer 99999999999999999999 is too large"),
        ("{{ ? }}", 1, "character ?"),
        ("{% break %}", 1, "{% break %} stands outside of a loop"), ("{{ a(b=1, 2) }}", 1, "without a name follows"),
    ])
    func whatIsRefusedAtOnce(template: String, line: Int, reason: String) throws {
        #expect {
            try TemplateGoldens.format(template)
        } throws: { error in
            guard case .unsupportedChatTemplate("c.json", line, let text)? = error as? TokenizerError else {
                return false
            }
            return text.contains(reason)
        }
    }

    /// Errors that are found when a template runs.
    @Test(arguments: [
        ("\n{{ a.b }}", 2, "a is undefined"), ("{{ x.append(1) }}", 1, "templates may not change values"),
        ("{{ 'a' + 1 }}", 1, "+ of a str and a int"), ("{{ x | nope }}", 1, "there is no filter nope"),
        ("{{ x is nope }}", 1, "there is no test nope"), ("{{ 1 / 0 }}", 1, "division by zero"),
        ("{{ x() }}", 1, "a list can't be called"), ("{{ 'abc' | tojson(nope=1) }}", 1, "tojson has no argument nope"),
        ("{% macro m() %}{% endmacro %}\n{{ m(1) }}", 2, "m takes at most 0 arguments"),
        ("{% for a, b in [1] %}{% endfor %}", 1, "a int has no elements"),
        ("{% set x.y = 1 %}", 1, "x isn't a namespace"), ("{{ {[]: 1} }}", 1, "a list can't be a key"),
        ("{{ 9223372036854775807 + 1 }}", 1, "an integer doesn't fit 64 bits"),
        ("{{ -9223372036854775807 - 2 }}", 1, "an integer doesn't"), ("{{ 10 ** 30 }}", 1, "an integer doesn't fit"),
        ("{{ 4611686018427387904 * 2 }}", 1, "an integer doesn't"), ("{{ '1e30' | int }}", 1, "an integer doesn't fit"),
        ("{{ (-9223372036854775807 - 1) // -1 }}", 1, "an integer doesn't"),
        ("{{ (-9223372036854775807 - 1) | abs }}", 1, "an integer doesn't"),
        ("{{ -(-9223372036854775807 - 1) }}", 1, "an integer doesn't"),
    ])
    func whatFails(template: String, line: Int, reason: String) throws {
        guard case .failedChatTemplate("c.json", line, let text)? = error(template, ["x": [1]]) else {
            Issue.record("\(template): \(String(describing: error(template, ["x": [1]])))")
            return
        }
        #expect(text.contains(reason), "\(text)")
    }

    @Test func whatIsntImplementedIsNamed() {
        for (template, construct) in [
            ("{{ lipsum() }}", "the function lipsum"), ("{{ cycler(1) }}", "the function cycler"),
            ("{{ 'a'.encode() }}", "the method encode"), ("{{ '%s' % 1 }}", "% of a string"),
            ("{{ strftime_now('%Q') }}", "the directive %Q"), ("{{ '{:>3}'.format(1) }}", "the field {:>3}"),
            ("{{ x.get }}", "printing a function"), ("{{ [1] | map('string') }}", "printing a generator"),
        ] {
            let found = error(template, ["x": [:]])
            guard case .unsupportedChatTemplate("c.json", 1, let reason)? = found else {
                Issue.record("\(template): \(String(describing: found))")
                continue
            }
            #expect(reason.hasPrefix(construct) && reason.hasSuffix("isn't supported"), "\(reason)")
        }
    }

    @Test func aTemplateMayRefuseAChat() {
        #expect(error("{{ raise_exception('No ' ~ 1) }}") == .unsupportedChat(reason: "No 1"))
    }

    // MARK: - Limits

    /// Templates that would take all memory, all time or all of the stack.
    @Test(arguments: [
        "{{ 'a' * 10 ** 9 }}", "{{ 'a' * 9223372036854775807 }}", "{{ [0] * 10 ** 12 }}", "{{ range(10 ** 12) }}",
        "{{ range(-9223372036854775807, 9223372036854775807) }}", "{{ 'a'.center(10 ** 12) }}",
        "{{ 'a'.zfill(10 ** 12) }}", "{{ 'a' | indent(10 ** 12) }}", "{{ [1] | tojson(indent=10 ** 12) }}",
        "{{ [1] | batch(10 ** 12, 'x') | list }}", "{{ [1] | slice(10 ** 12) | list }}",
        "{{ 'a' | center(10 ** 12) }}", "{{ ('a' * 10 ** 6).replace('a', 'b' * 10 ** 6) }}",
        "{{ ('a' * 10 ** 6).replace('', 'b' * 10 ** 6) }}", "{{ ('a' * 10 ** 7).split('a') }}",
        "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(999) %}{% set ns.x = [ns.x] %}{% endfor %}",
        "{% set ns = namespace(x={}) %}{% for i in range(999) %}{% set ns.x = {'a': ns.x} %}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
        "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
            + "{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}aaaaaaaaaaaaaaaa{% endfor %}{% endfor %}",
        "{% set x = 'a' * 10 ** 6 %}{% for i in range(99999) %}{% if x is upper %}{% endif %}{% endfor %}",
        "{% set x = ('a' * 10 ** 6,) %}{% for i in range(99999) %}{% if {x: 1}[x] %}{% endif %}{% endfor %}",
        "{% set x = 'a' * 10 ** 6 %}{% for i in range(99999) %}{% if x | int %}{% endif %}{% endfor %}",
        "{% for i in range(99999) %}{% for j in range(99999) %}{{ strftime_now('%c') }}{% endfor %}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% macro m(x) %}{{ m(m) }}{% endmacro %}{{ m(1) }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{{ caller }}{% endmacro %}{% call m() %}{% endcall %}",
        "{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}",
    ])
    func limits(template: String) {
        let start = ContinuousClock.now
        let error = error(template)
        guard case .failedChatTemplate? = error else {
            Issue.record("\(template): \(String(describing: error))")
            return
        }
        #expect(ContinuousClock.now - start < .seconds(10), "\(template)")
    }

    /// Chains of objects that refer to each other are released one by one.
    @Test func longChains() throws {
        let namespaces =
            "{% set ns = namespace(x=0) %}{% for i in range(99999) %}{% set ns.x = namespace(x=ns.x) %}{% endfor %}"
        #expect(try TemplateGoldens.render(namespaces + "a") == "a")
        let macros =
            "{% set ns = namespace(x=0) %}{% for i in range(99999) %}{% set old = ns.x %}{% macro m() %}{{ old }}{% endmacro %}"
            + "{% set ns.x = m %}{% endfor %}b"
        #expect(try TemplateGoldens.render(macros) == "b")
    }

    /// Deep nesting is refused wherever it is, on a thread with a stack of 512 KiB.
    @Test(arguments: [15_000, 150, 98, 60, 30])
    func nesting(count: Int) async throws {
        func repeated(_ open: String, _ middle: String, _ close: String) -> String {
            String(repeating: open, count: count) + middle + String(repeating: close, count: count)
        }
        let templates = [
            "{{ " + repeated("(", "1", ")") + " }}", "{{ " + repeated("[", "1", "]") + " }}",
            "{{ " + repeated("{'a': ", "1", "}") + " }}", "{{ " + repeated("not ", "1", "") + " }}",
            "{{ " + repeated("- ", "1", "") + " }}", "{{ " + repeated("a[", "1", "]") + " }}",
            "{{ " + repeated("dict(a=", "1", ")") + " }}", "{{ " + repeated("1 if 1 else ", "1", "") + " }}",
            "{{ " + repeated("1 if ", "1", "") + " }}", "{{ 1" + repeated(" if 1", "", "") + " }}",
            "{{ 1 is " + repeated("eq [", "1", "]") + " }}", repeated("{% if 1 %}", "a", "{% endif %}"),
            repeated("{% for x in [1] %}", "a", "{% endfor %}"), repeated("{% set x %}", "a", "{% endset %}"),
            repeated("{% macro m() %}", "a", "{% endmacro %}"), repeated("{% filter upper %}", "a", "{% endfilter %}"),
            repeated("{% with %}", "a", "{% endwith %}"), "{% set " + repeated("(", "x", ",)") + " = 1 %}",
            "{{ x" + repeated(".a", "", "") + " }}", "{{ 1" + repeated(" + 1", "", "") + " }}",
            "{{ 1" + repeated(" | string", "", "") + " }}", "{{ 1" + repeated(" ~ 1", "", "") + " }}",
            "{{ 1" + repeated(" and 1", "", "") + " }}", "{{ 1" + repeated(" == 1", "", "") + " }}",
            "{% if 0 %}" + repeated("{% elif 0 %}", "", "") + "{% endif %}",
            "{% macro m(n) %}{% if n %}{% for i in [1] %}{{ '(' ~ [m(n - 1)][0] }}{% endfor %}{% endif %}{% endmacro %}{{ m(\(count)) }}",
        ]
        await onSmallStack {
            for template in templates { _ = try? TemplateGoldens.render(template, ["a": [1, 2]]) }
        }
        // What is one list in the tree may be long.
        for template in templates[18...23] where count < 20_000 && !template.contains("x.a") {
            #expect(error(template) == nil, "\(template.prefix(20))")
        }
    }

    @Test func deepInputIsRefused() {
        var value = TemplateValue.null
        for _ in 0..<1_000 { value = .array([value]) }
        guard case .failedChatTemplate? = error("a", ["x": value]) else {
            Issue.record("a deep value was taken")
            return
        }
    }

    /// Broken templates give an error or a text.
    @Test func mutatedTemplates() throws {
        var templates: [String] = []
        for template in TemplateGoldens.elements(try TemplateGoldens.file.get()["templates"]) {
            templates.append(try #require(template["template"]?.string))
        }
        for format in try ChatFormatTests.Format.all.get() { templates.append(format.template) }
        let messages: [TemplateValue] = [
            ["role": "system", "content": "a"], ["role": "user", "content": "b"],
            ["role": "assistant", "content": "c", "tool_calls": [["function": ["name": "f", "arguments": ["x": 1]]]]],
            ["role": "user", "content": [["type": "text", "text": "d"]]],
        ]
        var generator = SeededGenerator(seed: 43)
        var (rendered, failed, refused) = (0, 0, 0)
        for index in 0..<20_000 {
            var bytes = Array(templates[index % templates.count].utf8)
            FuzzTests.mutate(&bytes, using: &generator)
            let text = String(decoding: bytes, as: UTF8.self)
            do throws(TokenizerError) {
                let format = try TemplateGoldens.format(text)
                do throws(TokenizerError) {
                    _ = try format.render(messages: messages, tools: messages)
                    rendered += 1
                } catch { failed += 1 }
            } catch { refused += 1 }
        }
        #expect(rendered > 500 && failed > 500 && refused > 500, "\(rendered) \(failed) \(refused)")
    }
}
