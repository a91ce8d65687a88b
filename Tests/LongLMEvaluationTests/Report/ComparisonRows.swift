import Foundation
import LongLMEvaluation
import TestSupport

/// Files of a comparison with known figures: two tasks at two lengths, two prompts each, with three methods.
struct ComparisonRows {
    static let methods = ["plain", "string", "dca"]
    static let tasks = ["vt", "fwe"]
    static let lengths = [4096, 8192]

    let directory: TemporaryDirectory
    var model = "tiny"
    var count = 2

    init() throws { directory = try TemporaryDirectory() }

    /// The scores of `plain`, `string` and `dca`, by task, length and sample.
    static func scores(_ task: String, _ length: Int, _ sample: Int) -> [Double] {
        switch (task, length, sample) {
        case ("vt", 4096, 0): [1, 1, 1]
        case ("vt", 4096, 1): [1, 0.5, 1]
        case ("vt", 8192, _): [0, 0.25, 0.75]
        case ("fwe", 4096, _): [1, 1, 1]
        case ("fwe", 8192, 0): [0, 1, 1]
        default: [0, 1, 0]
        }
    }

    static func mode(_ method: String, _ length: Int) -> String {
        switch method {
        case "string": "string:\(length / 4):128"
        case "dca": "dca:\(length / 2):32"
        default: method
        }
    }

    func taskHeader(_ more: String = "", fingerprint: String = "f1", methods: [String] = Self.methods) -> String {
        """
        {"format":"longlm-tasks-1","model":\(quoted(model)),"fingerprint":"\(fingerprint)","contextLength":4096,\
        "precision":"float32","cache":"float32","form":"base","haystack":"hay.txt","haystackHash":"h1","seed":7,\
        "count":\(count),"tasks":\(quoted(Self.tasks)),"lengths":[8192,4096],"settings":\(quoted(methods))\(more)}
        """
    }

    /// The rows of tasks, in their order.
    var taskRows: [String] {
        var rows: [String] = []
        for task in Self.tasks {
            for length in [8192, 4096] {
                for sample in 0..<2 {
                    for (method, score) in zip(Self.methods, Self.scores(task, length, sample)) {
                        rows.append(
                            """
                            {"cell":\(rows.count),"task":"\(task)","length":\(length),"sample":\(sample),\
                            "setting":"\(method)","mode":"\(Self.mode(method, length))","promptTokenCount":4000,\
                            "prediction":"x","references":["y"],"score":\(score)}
                            """)
                    }
                }
            }
        }
        return rows
    }

    func lossHeader(
        fingerprint: String = "f1", model: String? = nil, cache: String = "float32", methods: [String] = Self.methods,
        windows: Int = 2, bucket: Int = 4096
    ) -> String {
        """
        {"format":"longlm-losses-1","model":\(quoted(model ?? self.model)),"fingerprint":"\(fingerprint)",\
        "contextLength":4096,"precision":"float32","cache":"\(cache)","text":"book.txt","textHash":"t1",\
        "length":8192,"windows":\(windows),"bucket":\(bucket),"settings":\(quoted(methods))}
        """
    }

    /// The rows of the text, in their order.
    var lossRows: [String] {
        let losses = [[[3.5, 8.25], [3.5, 4.5], [3.75, 4.25]], [[2.5, 9.75], [2.5, 3.5], [2.75, 3.25]]]
        return (0..<6).map { cell in
            let method = Self.methods[cell % 3]
            return """
                {"cell":\(cell),"window":\(cell / 3),"setting":"\(method)","mode":"\(Self.mode(method, 8192))",\
                "counts":[4000,4096],"losses":\(losses[cell / 3][cell % 3])}
                """
        }
    }

    func runHeader(fingerprint: String = "f1") -> String {
        """
        {"format":"longlm-runs-1","fingerprint":"\(fingerprint)","date":"2026-11-30T09:00:00Z","processor":"Some CPU",\
        "threads":2,"version":"0.9","command":"longlm compare --model tiny --output 'a b'",\
        "weights":[{"name":"model.safetensors","sha256":"w1"}]}
        """
    }

    static let times = [
        #"{"work":"answer","length":8192,"mode":"plain","seconds":4}"#,
        #"{"work":"answer","length":8192,"mode":"plain","seconds":5}"#,
        #"{"work":"answer","length":8192,"mode":"string:2048:128","seconds":4.75}"#,
        #"{"work":"window","length":8192,"mode":"dca:4096:32","seconds":3.125}"#,
    ]

    /// Writes lines to a file and returns its path.
    @discardableResult
    func write(_ lines: [String], _ name: String) throws -> String {
        try directory.write(lines.map { $0 + "\n" }.joined(), to: name)
    }

    /// All three files, whole.
    func paths() throws -> [String] {
        [
            try write([taskHeader()] + taskRows, "tasks.jsonl"),
            try write([lossHeader()] + lossRows, "losses.jsonl"),
            try write([runHeader()] + Self.times, "runs.jsonl"),
        ]
    }

    private func quoted(_ value: some Encodable) -> String {
        String(decoding: (try? JSONEncoder().encode(value)) ?? Data(), as: UTF8.self)
    }
}
