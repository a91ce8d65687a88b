import Foundation
import LongLMEvaluation
import Testing

@Suite("The page of a comparison")
struct ComparisonPageTests {
    private var rows: ComparisonRows

    init() throws { rows = try ComparisonRows() }

    /// The part of the page between a heading and the next one.
    private func section(_ heading: String, _ html: String) throws -> String {
        let start = try #require(html.range(of: "<h2>\(heading)</h2>")?.upperBound, "\(heading)")
        return String(html[start...].prefix(upTo: html[start...].range(of: "<h2>")?.lowerBound ?? html.endIndex))
    }

    @Test("Every figure stands in its section")
    func figures() throws {
        let html = try MethodComparison(paths: rows.paths()).html()
        for (heading, texts) in [
            (
                "Mean scores",
                [
                    "<td class=\"number\">50.0 <small>22–78</small></td>",
                    "<td class=\"number marked\">81.3 <small>47–96</small></td>", "<td>all lengths</td>", ">8,192</td>",
                    "Mean score against length", "trained for 4,096",
                ]
            ),
            (
                "Prompt by prompt",
                [
                    "<td>string</td><td class=\"number\">4</td><td class=\"number\">1</td><td class=\"number\">3</td>",
                    "0.3750",
                ]
            ),
            (
                "Scores by task",
                [
                    "<td>vt</td><td class=\"number\">8,192</td><td class=\"number\">0.0 <small>0–66</small></td>",
                    "<td class=\"number marked\">75.0 <small>",
                ]
            ),
            ("A map for each method", ["8,192, vt: 75 %", "8,192, mean: 63 %", ">plain<", ">string<", ">dca<"]),
            (
                "Losses of a text",
                [
                    "book.txt, 2 windows of 8,192 tokens", ">string:2048:128<", "t1", ">4,096–8,191<", ">9.0000</td>",
                    "<td class=\"number marked\">3.7500</td>", "<td>perplexity</td>", "2 of 2 windows",
                ]
            ),
            (
                "Seconds",
                [
                    "<td>Some CPU, 2 threads</td><td>prompt and answer</td><td class=\"number\">8,192</td>"
                        + "<td class=\"number\">4.50</td><td class=\"number\">4.75</td><td class=\"number\">–</td>",
                    "<td>window of the text</td><td class=\"number\">8,192</td><td class=\"number\">–</td>",
                    ">3.13</td>",
                ]
            ),
            (
                "Settings",
                [
                    "<td>dca</td><td>dca:2048:32</td><td>dca:4096:32</td><td>dca:4096:32</td>",
                    "<th>text, 8,192 tokens</th>",
                ]
            ),
            (
                "Where these figures come from",
                [
                    "<td>tiny</td>", "float32", "f1, SHA-256", "hay.txt, SHA-256 of its words h1", "<td>7</td>",
                    "model.safetensors, SHA-256 w1", "2026-11-30T09:00:00Z, Some CPU, 2 threads, longlm 0.9",
                ]
            ),
            ("To repeat it", ["<pre>longlm compare --model tiny --output &#39;a b&#39;</pre>"]),
        ] {
            let part = try section(heading, html)
            for text in texts { #expect(part.contains(text), "\(heading): \(text)") }
        }
        #expect(html.contains("<title>tiny: ways to read long texts, compared</title>"))
        #expect(!html.contains("are missing"))
    }

    @Test("One length has no chart of lengths, one method no pairs, and no text no losses")
    func fewRows() throws {
        let header = rows.taskHeader(methods: ["plain"]).replacingOccurrences(of: "[8192,4096]", with: "[4096]")
        let own = rows.taskRows.filter { $0.contains("\"length\":4096") && $0.contains("\"setting\":\"plain\"") }
        let html = try MethodComparison(paths: [rows.write([header] + own, "t")]).html()
        for text in [
            "Mean score against length", "Prompt by prompt", "Losses of a text", "<h2>Seconds", "To repeat it",
        ] {
            #expect(!html.contains(text), "\(text)")
        }
        #expect(html.contains("Machine, date and times aren&#39;t known"))
        #expect(!html.contains("trained for 4,096</text>"))
    }

    @Test("Texts from files are text, and the page loads nothing")
    func hostileTexts() throws {
        var rows = try ComparisonRows()
        rows.model = "<script>alert('&')</script>\u{1B}[31m"
        let methods = ["plain", "<b>string", "d\"ca"]
        func hostile(_ line: String) -> String {
            line.replacingOccurrences(of: "\"setting\":\"string\"", with: "\"setting\":\"<b>string\"")
                .replacingOccurrences(of: "\"setting\":\"dca\"", with: "\"setting\":\"d\\\"ca\"")
                .replacingOccurrences(of: "\"mode\":\"string", with: "\"mode\":\"<i>")
        }
        let paths = [
            try rows.write([rows.taskHeader(methods: methods)] + rows.taskRows.map(hostile), "t"),
            try rows.write(
                [rows.lossHeader(methods: methods).replacingOccurrences(of: "book.txt", with: "<img>")]
                    + rows.lossRows.map(hostile), "l"),
            try rows.write(
                [
                    rows.runHeader().replacingOccurrences(of: "Some CPU", with: "<u>").replacingOccurrences(
                        of: "a b", with: "</pre>")
                ]
                    + ComparisonRows.times, "r"),
        ]
        let html = try MethodComparison(paths: paths).html()
        for tag in ["<script", "<b>", "<i>", "<img", "<u>", "'</pre>", "\u{1B}", "href", "src=", "url(", "@import"] {
            #expect(!html.contains(tag), "\(tag)")
        }
        for text in [
            "&lt;script&gt;", "&lt;b&gt;string", "d&quot;ca", "&lt;i&gt;", "&lt;img&gt;", "&lt;u&gt;", "&lt;/pre&gt;",
        ] {
            #expect(html.contains(text), "\(text)")
        }
        // Nothing but the name of SVG's namespace looks like an address.
        let addresses = html.components(separatedBy: "http").dropFirst()
        #expect(addresses.allSatisfy { $0.hasPrefix("://www.w3.org/2000/svg\"") })
        #expect(html.contains("prefers-color-scheme: dark") && html.contains("@media print"))
    }
}
