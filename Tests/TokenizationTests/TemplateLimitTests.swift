import Foundation
import TestSupport
import Testing
import Tokenization

/// Templates that would take all time, all memory or all of the stack by ways that are hard to see.
@Suite struct TemplateLimitTests {
    private static func error(_ template: String) -> TokenizerError? {
        do throws(TokenizerError) {
            _ = try TemplateGoldens.render(template, ["c": "0123456789"])
            return nil
        } catch { return error }
    }

    private static func repeated(_ text: String, _ count: Int) -> String { String(repeating: text, count: count) }

    private static func list(_ count: Int, _ element: (Int) -> String) -> String {
        (0..<count).map(element).joined(separator: ",")
    }

    /// Work that grows with a power of what counts, or faster.
    @Test(arguments: [
        // A tuple of tuples that are one object has 2⁶⁰ elements as a key.
        "T{{ {}[ns.t] }}", "T{{ ns.t in {} }}", "T{{ {ns.t: 1} }}", "T{{ [ns.t] | unique | list }}",
        // Names of a million characters.
        "{% set k = 'x' * 10 ** 6 %}L{% if ''[k] %}{% endif %}E",
        "{% set k = 'x' * 10 ** 6 %}L{% if '' | attr(k) %}{% endif %}E",
        "{% set k = '.' * 10 ** 5 %}L{{ range(9999) | map(attribute=k, default=1) | list }}E",
        "{% set k = ',' * 10 ** 5 %}L{{ range(9999) | sort(attribute=k) | list }}E",
        "{{ [1] | map(attribute='.' * 10 ** 7, default=1) | list }}",
        "{% set k = {'x' * 10 ** 6: 1} %}L{% set y = namespace(**k) %}E",
        "{% set k = {'x' * 10 ** 6: 1} %}L{{ ''.format(**k) }}E",
        // Many names.
        "D{% for i in range(99) %}{% set x = namespace(**d) %}{% endfor %}",
        "D{% for i in range(99) %}{{ ''.format(**d) }}{% endfor %}",
        "D{% for i in range(999) %}{% set x = dict(d, a=1) %}{% endfor %}",
        // Slow numbers.
        "L{{ 1.5e-300 | round(300) }}E", "{% set x = '1' * 10 ** 6 %}L{{ x | float }}E",
        "{% set x = '1' * 4200 %}L{{ x | int }}E",
        // Escapes make a text up to ten times as long.
        "{{ ['\\U000F0000' * 16000000] | string | length }}", "{{ ('\\0' * 33000000) | tojson }}",
        "{% set x = ['\\U000F0000' * 300000] %}L{{ x | string | length }}E",
        // What is copied, and forgotten.
        "{% set r = range(99999) %}L{% if r[1:] %}{% endif %}E", "{{ ('a' ~ c[0]) * 16000000 }}",
        "M8000 L{{ m() }}E",
    ])
    func countedWork(template: String) {
        let expanded =
            template
            .replacing(
                "T",
                with:
                    "{% set ns = namespace(t=(1,)) %}{% for i in range(60) %}{% set ns.t = (ns.t, ns.t) %}{% endfor %}"
            )
            .replacing("L", with: "{% for i in range(9999) %}").replacing("E", with: "{% endfor %}")
            .replacing("D", with: "{% set d = dict(range(90000) | map('string') | batch(2)) %}")
            .replacing("M8000 ", with: "{% macro m(" + Self.list(8_000) { "a\($0)" } + ") %}{% endmacro %}")
        let start = ContinuousClock.now
        let error = Self.error(expanded)
        guard case .failedChatTemplate? = error else {
            Issue.record("\(template): \(String(describing: error))")
            return
        }
        #expect(ContinuousClock.now - start < .seconds(10), "\(template)")
    }

    /// Long templates whose parts are all different.
    @Test func longTemplates() {
        let macros = Self.list(95) { "{% macro m\($0)() %}" }.replacing(",", with: "")
        for template in [
            "{% macro f(" + Self.list(60_000) { "a\($0)" } + ") %}{% endmacro %}",
            "{% if false %}{{ f(" + Self.list(60_000) { "a\($0)=1" } + ") }}{% endif %}",
            macros + Self.repeated("{{ a }}{{ b }}", 20_000) + Self.repeated("{% endmacro %}", 95),
            "{{ {}[(" + Self.list(60_000) { "\($0)" } + ")] }}", Self.repeated("{{ c[0] }}a", 50_000),
            "{% set d = dict(range(60000) | map('string') | batch(2)) %}{% macro f() %}{{ kwargs | length }}{% endmacro %}{{ f(**d) }}",
            "{% set d = dict(range(60000) | map('string') | batch(2)) %}{{ ('{a}' * 10000).format(a='', **d) }}",
            "{{ range(90000) | groupby('x', 1) | length }}",
            "{% set i = range(90000) | map('int') %}{% for x in range(90000) %}{% if i | first %}{% endif %}{% endfor %}",
        ] {
            let start = ContinuousClock.now
            #expect(Self.error(template) == nil, "\(template.prefix(40))")
            #expect(ContinuousClock.now - start < .seconds(10), "\(template.prefix(40))")
        }
    }

    /// Values nested by way of namespaces and loops, whose depth values don't know, on a thread with 512 KiB of stack.
    @Test func depth() async {
        let namespaces =
            "{% set ns = namespace(v=1) %}{% for i in range(90) %}{% set ns.v = namespace(v=ns.v) %}"
            + "{% for j in range(95) %}{% set ns.v = [ns.v] %}{% endfor %}{% endfor %}"
        var templates = [
            "{% set ns = namespace(p=none) %}{% for i in range(60000) %}{% for j in [1] %}{% if loop.changed(ns.p) %}{% endif %}"
                + "{% set ns.p = loop %}{% endfor %}{% endfor %}",
            "{% for i in range(9) %}{{ loop.changed(loop) }}{% endfor %}",
            "{% set ns = namespace(v=1) %}{% for i in range(60000) %}{% set ns.v = namespace(v=[ns.v]) %}{% endfor %}",
        ]
        for use in ["ns.v", "ns.v == ns.v", "ns.v | tojson", "(ns.v,) in {}", "ns.v < ns.v", "[ns.v] | unique | list"] {
            templates.append(namespaces + "{{ \(use) }}")
        }
        for (start, use) in [("[ns.v]", "ns.v < ns.v"), ("{1: ns.v}", "ns.v == ns.v"), ("(ns.v,)", "{}[ns.v]")] {
            let values = "{% set ns = namespace(v=1) %}{% for i in range(97) %}{% set ns.v = \(start) %}{% endfor %}"
            for (open, close) in [("[", "]"), ("{1: ", "}"), ("1 if 1 else ", ""), ("not ", "")] {
                for count in [30, 60, 90] {
                    for use in [use, "ns.v | string", "ns.v | tojson"] {
                        templates.append(
                            values + "{{ " + Self.repeated(open, count) + use + Self.repeated(close, count) + " }}")
                    }
                }
            }
        }
        let all = templates
        let errors = await onSmallStack { all.map(Self.error) }
        #expect(errors[0] == nil && errors[1] == nil && errors[2] == nil)
        for error in errors {
            guard case .failedChatTemplate(_, _, let reason)? = error else { continue }
            #expect(reason.utf8.count < 100, "\(reason)")
        }
    }

    /// Errors name what happened, in words of a bounded number.
    @Test(arguments: [
        ("{{ raise_exception('a' * 33000000) }}", "aaa"), ("{{ 1 | map('a' * 10 ** 6) }}", "a int has no elements"),
        ("{{ [1] | map('a' * 10 ** 6) | list }}", "there is no filter aaa"),
        ("{{ ''['a' * 10 ** 6].b }}", "a str has no aaa"),
        ("{{ '{} {0}'.format(1) }}", "fields with and without numbers"),
        ("{{ '{0} {}'.format(1) }}", "fields with and without"),
        ("{{ 'a'.encode('utf-8') }}", "the method encode of strings isn't supported"),
        ("{{ 'a'.expandtabs(4) }}", "the method expandtabs of strings isn't supported"),
        ("{{ f(**{'a' * 10 ** 6: 1}) }}", "f is undefined"),
        ("{% macro m() %}{% endmacro %}{{ m(**{'a' * 10 ** 6: 1}) }}", "m has no argument aaa"),
        ("{% macro m() %}{{ caller() }}{% endmacro %}{% call m(caller=1) %}{% endcall %}", "two arguments caller"),
    ])
    func reasons(template: String, reason: String) {
        let description = Self.error(template)?.description ?? ""
        #expect(description.contains(reason) && description.utf8.count < 20_000, "\(description.prefix(200))")
    }

    @Test func longNamesAreRefused() {
        guard case .unsupportedChatTemplate(_, 1, let reason)? = Self.error("{{ " + Self.repeated("a", 201) + " }}")
        else {
            Issue.record("a long name was taken")
            return
        }
        #expect(reason == "a name is longer than 200 characters")
        #expect(Self.error("{{ " + Self.repeated("a", 200) + " }}") == nil)
    }
}
