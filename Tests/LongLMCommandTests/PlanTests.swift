import Foundation
import LongLM
import TestSupport
import Testing

@Suite struct PlanTests {
    private struct Report: Decodable {
        struct Memory: Decodable {
            let weightBytes: Int
            let cacheBytes: Int
            let neighborRingBytes: Int
            let totalBytes: Int
            let physicalBytes: Int
            let availableBytes: Int
        }
        struct Prefill: Decodable {
            let estimatedSeconds: Double
            let measuredTokenCount: Int
            let measuredSeconds: Double
            let threads: Int
            let instructionSet: String
            let precision: String
        }
        let length: Int
        let trainedContext: Int
        let attention: String
        let groupSize: Int
        let neighborWindow: Int?
        let largestRelativePosition: Double
        let contextShare: String?
        let capacity: Int
        struct Choice: Decodable, Equatable {
            let weights: String
            let cache: String
            let weightBytes: Int
            let totalBytes: Int
            let longestLength: Int
        }
        struct Row: Decodable {
            let weights: String
            let cache: String
            let prefill: Prefill
        }
        let memory: Memory?
        let prefill: Prefill?
        let choices: [Choice]?
        let prefills: [Row]?
    }

    private struct Inspected: Decodable {
        struct Model: Decodable {
            let weightBytes: Int
            let cacheBytes: Int
        }
        let model: Model
    }

    private func checkpoint(
        _ keys: [String: String] = [:], _ tiny: TinyLlama = TinyLlama()
    ) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        try tiny.write(to: directory)
        try directory.write(jsonObject(tiny.configuration.merging(keys) { $1 }), to: "config.json")
        return directory
    }

    @Test func withoutModel() throws {
        let run = try longlm(["plan", "--trained-context", "8192", "--length", "10500"])
        #expect(run.status == 0 && run.errors.isEmpty)
        #expect(
            run.output == """
                mode       Self-Extend with G = 4, W = 1,024
                why        the smallest G for which W + (N − W)/G, here 3393.0, is less than 1/2 of the 8,192 trained \
                positions
                capacity   29,696 tokens

                """)
        let json = try longlm(["plan", "--trained-context", "8192", "--length", "10500", "--json"])
        let report = try json.json(Report.self)
        #expect(report.length == 10_500 && report.trainedContext == 8192 && report.attention == "self-extend")
        #expect(report.groupSize == 4 && report.neighborWindow == 1024 && report.capacity == 29_696)
        #expect(report.largestRelativePosition == 3393 && report.contextShare == "1/2")
        #expect(report.memory == nil && report.prefill == nil)
    }

    @Test func plainWithinTheContext() throws {
        let run = try longlm(["plan", "--trained-context", "8192", "--length", "8192"])
        #expect(
            run.output == """
                mode       plain attention
                why        8,192 tokens fit the 8,192 that the model was trained for
                capacity   8,192 tokens

                """)
        let report = try longlm(["plan", "--trained-context", "8192", "--length", "8192", "--json"]).json(Report.self)
        #expect(report.attention == "plain" && report.groupSize == 1 && report.neighborWindow == nil)
        #expect(report.contextShare == nil && report.capacity == 8192)
    }

    @Test func model() throws {
        let directory = try checkpoint()
        let run = try longlm(
            ["plan", "--model", directory.path, "--length", "440", "--threads", "2", "--json"])
        #expect(run.status == 0 && run.errors.isEmpty)
        let report = try run.json(Report.self)
        #expect(report.trainedContext == 64 && report.groupSize == 16 && report.neighborWindow == 16)
        #expect(report.contextShare == "2/3")
        let memory = try #require(report.memory)
        let inspected = try ["0", "16"].map { window in
            try longlm(
                ["inspect", directory.path, "--length", "440", "--json"]
                    + (window == "0" ? [] : ["--neighbor-window", window])
            ).json(Inspected.self)
        }
        #expect(memory.weightBytes == inspected[0].model.weightBytes)
        #expect(memory.cacheBytes == inspected[0].model.cacheBytes)
        #expect(memory.neighborRingBytes == inspected[1].model.cacheBytes - inspected[0].model.cacheBytes)
        #expect(memory.neighborRingBytes > 0)
        #expect(memory.totalBytes == memory.weightBytes + memory.cacheBytes + memory.neighborRingBytes)
        #expect(memory.physicalBytes == Int(ProcessInfo.processInfo.physicalMemory))
        #expect((1...memory.physicalBytes).contains(memory.availableBytes))
        // As few tokens as there are; nothing has to be scaled. The estimate is work divided by a rate that was work divided
        // by time: two roundings, of 2⁻⁵³ each.
        let prefill = try #require(report.prefill)
        #expect(prefill.measuredTokenCount == 440 && prefill.measuredSeconds > 0)
        #expect(abs(prefill.estimatedSeconds / prefill.measuredSeconds - 1) < 1e-15)
        #expect(prefill.threads == 2 && prefill.precision == "float32")
        #expect(InstructionSet.allCases.map(\.rawValue).contains(prefill.instructionSet))
    }

    /// What --weights and --cache then take is what was said.
    @Test("Other formats are listed, with their memory, length and time")
    func choices() throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize) = (64, 64)
        let directory = try checkpoint([:], tiny)
        let arguments = ["plan", "--model", directory.path, "--length", "100"]
        let report = try longlm(arguments + ["--choices", "--json"]).json(Report.self)
        let choices = try #require(report.choices)
        let names = ["as stored", "int8", "int4"].flatMap { weights in
            ["float32", "bfloat16", "int8"].map { [weights, $0] }
        }
        #expect(choices.map { [$0.weights, $0.cache] } == names)
        for choice in choices {
            let weights = choice.weights == "as stored" ? [] : ["--weights", choice.weights]
            let alone = try longlm(
                arguments + weights + ["--cache", choice.cache, "--no-measurement", "--json"]
            ).json(Report.self)
            #expect(alone.memory?.totalBytes == choice.totalBytes && alone.choices == nil && alone.prefills == nil)
            // There is memory for whatever Self-Extend reaches with so small a model.
            #expect(choice.longestLength > 100)
        }
        let prefills = try #require(report.prefills)
        #expect(
            prefills.map { [$0.prefill.precision, $0.weights, $0.cache] } == [
                ["float32", "as stored", "float32"], ["float32", "int8", "float32"], ["int8", "int8", "int8"],
                ["float32", "int4", "float32"], ["int8", "int4", "int8"],
            ])
        let text = try longlm(arguments + ["--choices", "--no-measurement"])
        #expect(text.status == 0 && text.output.contains("\n--weights  --cache"))
        #expect(!text.output.contains("--precision"))
        let refused = try longlm(["plan", "--trained-context", "64", "--length", "100", "--choices"])
        #expect(refused.status == 2 && refused.errors.contains("--choices"))
    }

    @Test("A longer text takes longer than what was measured, and the text says what that was")
    func estimate() throws {
        let directory = try checkpoint(["max_position_embeddings": "2048"])
        let arguments = ["plan", "--model", directory.path, "--length", "5000", "--threads", "1"]
        let report = try longlm(arguments + ["--json"]).json(Report.self)
        let prefill = try #require(report.prefill)
        #expect(prefill.measuredTokenCount == 1024)
        #expect(prefill.estimatedSeconds > prefill.measuredSeconds * 5000 / 1024)
        let lines = try longlm(arguments).output.split(separator: "\n")
        #expect(lines.map { $0.prefix { $0 != " " } } == ["mode", "why", "capacity", "memory", "prefill"])
        #expect(lines[3].contains(" available: "))
        #expect(lines[3].contains("weights ") && lines[3].contains("KV cache ") && lines[3].contains("neighbor ring "))
        #expect(
            lines[4].contains("an estimate by operations, from 1,024 tokens in ") && lines[4].contains("on 1 thread ("))
    }

    @Test func withoutMeasurement() throws {
        let directory = try checkpoint()
        let arguments = ["plan", "--model", directory.path, "--length", "60", "--no-measurement"]
        let report = try longlm(arguments + ["--json"]).json(Report.self)
        #expect(report.attention == "plain" && report.prefill == nil)
        let memory = try #require(report.memory)
        #expect(memory.neighborRingBytes == 0)
        #expect(!(try longlm(arguments).output.contains("prefill")))
        let narrow = try longlm(arguments + ["--json", "--cache", "bfloat16"]).json(Report.self)
        #expect(try #require(narrow.memory).cacheBytes * 2 == memory.cacheBytes)
    }

    @Test(
        "--weights changes the memory and the model that is measured",
        arguments: ["float32", "bfloat16", "int8", "int4"])
    func weights(format: String) throws {
        var tiny = TinyLlama()
        (tiny.hiddenSize, tiny.intermediateSize, tiny.storage) = (64, 96, .bfloat16)
        let directory = try checkpoint([:], tiny)
        let arguments = ["plan", "--model", directory.path, "--length", "60", "--weights", format, "--json"]
        let planned = try longlm(arguments + ["--no-measurement"]).json(Report.self)
        let inspected = try longlm(
            ["inspect", directory.path, "--length", "60", "--weights", format, "--json"]
        ).json(Inspected.self)
        #expect(planned.memory?.weightBytes == inspected.model.weightBytes)
        #expect(try longlm(arguments).json(Report.self).prefill?.measuredTokenCount == 60)
        let unchanged = try longlm(["inspect", directory.path, "--json"]).json(Inspected.self).model.weightBytes
        // A number takes 32, 16, 8.5 or 4.5 bits, but for norms, and with int4 the fifth of the numbers that belong to the
        // vocabulary takes 8.5.
        let shares = ["float32": 2, "bfloat16": 1, "int8": 8.5 / 16, "int4": (0.8 * 4.5 + 0.2 * 8.5) / 16]
        let share = try Double(#require(planned.memory).weightBytes) / Double(unchanged)
        #expect(try abs(share - #require(shares[format])) < 0.02)
    }

    @Test func lengthThatNoGroupReaches() throws {
        let reason = "no group size extends a model trained for 64 tokens to 443; LongLM's rule, "
        // Before the checkpoint is looked for.
        let directory = try TemporaryDirectory()
        try directory.write(jsonObject(TinyLlama().configuration), to: "config.json")
        for source in [["--trained-context", "64"], ["--model", directory.path]] {
            let run = try longlm(["plan", "--length", "443"] + source)
            #expect(run.status == 1 && run.output.isEmpty)
            #expect(run.errors == "longlm: \(reason)2/3 · L > W + (N − W)/G, reaches 442\n")
        }
    }

    @Test("More memory than the machine has is refused before anything is loaded")
    func tooMuchMemory() throws {
        // Heads so wide that their keys and values would take some terabytes.
        var tiny = TinyLlama()
        tiny.hiddenSize = 8
        tiny.statedHeadDimension = 8192
        let directory = try checkpoint(["max_position_embeddings": "16777216"], tiny)
        let run = try longlm(["plan", "--model", directory.path, "--length", "16777216", "--json"])
        #expect(run.status == 1 && run.output.isEmpty && run.errorLines.count == 1)
        #expect(run.errors.hasPrefix("longlm: 16,777,216 tokens need "))
        #expect(run.errors.contains(" TB of memory (weights ") && run.errors.contains("neighbor ring 0 bytes"))
        #expect(run.errors.contains("and this machine has "))
        #expect(run.errors.hasSuffix(" available; --choices lists what would fit\n"))
        let choices = try longlm(
            ["plan", "--model", directory.path, "--length", "16777216", "--choices", "--no-measurement"])
        #expect(choices.status == 1 && choices.output.contains("--weights  --cache"))
        #expect(choices.errors.hasSuffix(" available\n"))
    }

    @Test func missingModel() throws {
        let run = try longlm(["plan", "--model", "/no/model", "--length", "5"])
        #expect(run.status == 1 && run.errors == "longlm: /no/model: no such file or directory\n")
    }
}
