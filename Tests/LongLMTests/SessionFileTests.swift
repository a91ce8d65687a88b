import Foundation
import LongLM
import ModelTwins
import Testing
import TestSupport

/// That a session outlives its process bit by bit, and that nothing wrong is ever taken for one.
@Suite struct SessionFileTests {
    private static let modes: [AttentionMode] = [
        .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)),
        .selfExtend(SelfExtend(groupSize: 3, neighborWindow: 40, shift: .fractional, queryScaleBase: 9)),
        .reRoPE(ReRoPE(neighborWindow: 20)), .leakyReRoPE(LeakyReRoPE(slowdown: 3, neighborWindow: 10)),
    ]

    private let model: LanguageModel
    private let tokens: [Int]
    private let directory: TemporaryDirectory
    private var path: String { directory.path + "/session.safetensors" }

    init() throws {
        model = try loadModel()
        directory = try TemporaryDirectory()
        var generator = SeededGenerator(seed: 91)
        tokens = generator.tokens(1_400, below: 67)
    }

    private func makeSession(
        _ mode: AttentionMode, cacheFormat: CacheFormat? = nil, capacity: Int = 1_400, model: LanguageModel? = nil
    ) throws -> Session {
        try Session(
            model: model ?? self.model,
            options: SessionOptions(
                attention: mode, threadCount: 2, capacity: capacity, cacheFormat: cacheFormat))
    }

    private func contents() throws -> [UInt8] { try [UInt8](Data(contentsOf: URL(fileURLWithPath: path))) }

    /// What a session shows of itself, to see that it is unharmed.
    private struct Snapshot: Equatable {
        let tokens: [Int]
        let logits: Bits
        let bytes: Int

        init(_ session: Session) {
            tokens = session.tokens
            logits = bits(session.logits)
            bytes = session.cacheByteCount
        }
    }

    /// Within a segment of 512 positions, at its end, past it, and with a ring that went round.
    @Test(arguments: modes, [1, 300, 512, 700, 1_300])
    func goesOnWithTheSameBits(mode: AttentionMode, length: Int) throws {
        for cacheFormat in CacheFormat.allCases {
            let session = try makeSession(mode, cacheFormat: cacheFormat)
            try session.prefill(Array(tokens[..<length]))
            try session.save(to: path)
            let restored = try makeSession(mode, cacheFormat: cacheFormat)
            // What it held before doesn't matter.
            try restored.prefill([1, 2, 3])
            try restored.restore(from: path)
            #expect(restored.tokens == session.tokens && bits(restored.logits) == bits(session.logits))
            #expect(restored.earliestTruncation >= session.earliestTruncation)
            for session in [session, restored] {
                try session.decode(tokens[length])
                try session.prefill(Array(tokens[(length + 1)..<(length + 60)]))
            }
            #expect(bits(restored.logits) == bits(session.logits))
            // The file is that of the moment, and a second copy of it is equal.
            let again = try makeSession(mode, cacheFormat: cacheFormat)
            try again.restore(from: path)
            #expect(again.position == length)
            let first = try contents()
            try again.save(to: path)
            #expect(try contents() == first)
        }
    }

    @Test func truncatesAfterwards() throws {
        let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))
        let session = try makeSession(mode)
        try session.prefill(Array(tokens[..<1_300]))
        try session.save(to: path)
        let restored = try makeSession(mode)
        try restored.restore(from: path)
        let earliest = restored.earliestTruncation
        #expect(earliest > 0 && earliest < 1_300)
        #expect(throws: SessionError.cannotTruncate(to: earliest - 1, earliest: earliest)) {
            try restored.truncate(to: earliest - 1)
        }
        try restored.truncate(to: earliest)
        try restored.prefill([5, 6, 7])
        let other = try makeSession(mode)
        try other.prefill(Array(tokens[..<earliest]) + [5, 6, 7])
        #expect(bits(restored.logits) == bits(other.logits))
    }

    /// Sessions of other lengths hold the same, if it fits.
    @Test func otherCapacity() throws {
        let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 40))
        let session = try makeSession(mode, capacity: 700)
        try session.prefill(Array(tokens[..<690]))
        try session.save(to: path)
        for capacity in [690, 691, 1_300] {
            let restored = try makeSession(mode, capacity: capacity)
            try restored.restore(from: path)
            #expect(restored.position == 690)
            guard capacity > 690 else { continue }
            let other = try makeSession(mode, capacity: capacity)
            try other.prefill(Array(tokens[..<691]))
            try restored.decode(tokens[690])
            #expect(bits(restored.logits) == bits(other.logits))
        }
        let short = try makeSession(mode, capacity: 689)
        try short.prefill([1, 2])
        let before = Snapshot(short)
        #expect(throws: SessionFileError.session(.capacityExceeded(needed: 690, capacity: 689))) {
            try short.restore(from: path)
        }
        #expect(Snapshot(short) == before)
    }

    /// A session without logits stays one.
    @Test func truncatedSession() throws {
        let session = try makeSession(.plain)
        try session.prefill(Array(tokens[..<20]))
        try session.truncate(to: 10)
        try session.save(to: path)
        let restored = try makeSession(.plain)
        try restored.restore(from: path)
        #expect(restored.position == 10 && restored.logits.isEmpty)
        try restored.prefill(Array(tokens[10..<20]))
        #expect(
            bits(restored.logits)
                == (try {
                    let all = try makeSession(.plain); try all.prefill(Array(tokens[..<20])); return bits(all.logits)
                }()))
    }

    // MARK: - Refusals

    private func refusal(_ session: Session, _ path: String? = nil) -> SessionFileError? {
        let before = Snapshot(session)
        defer { #expect(Snapshot(session) == before, "the session is unharmed") }
        do throws(SessionFileError) {
            try session.restore(from: path ?? self.path)
            return nil
        } catch { return error }
    }

    private func saved(_ mode: AttentionMode = .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))) throws
        -> Session
    {
        let session = try makeSession(mode)
        try session.prefill(Array(tokens[..<30]))
        try session.save(to: path)
        return session
    }

    @Test func otherModel() throws {
        _ = try saved()
        var tiny = TinyLlama()
        tiny.seed = 2
        let other = try loadModel(tiny)
        #expect(other.fingerprint != model.fingerprint && other.fingerprint.count == 16)
        #expect(try loadModel().fingerprint == model.fingerprint)
        let session = try makeSession(.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)), model: other)
        try session.prefill([1, 2, 3])
        let error = try #require(refusal(session))
        #expect(
            error == .otherModel(file: path, saved: model.fingerprint, expected: other.fingerprint))
        #expect("\(error)".contains("another model"))
        // One weight, or a line of config.json that no weight shows, makes another model.
        var tensors = TinyLlama().tensors()
        let last = tensors.count - 1
        var values = tensors[last].values
        values[values.count - 1] += 1
        tensors[last] = TinyLlama.Tensor(name: tensors[last].name, shape: tensors[last].shape, values: values)
        let folder = try TemporaryDirectory()
        try TinyLlama().write(tensors, to: folder)
        #expect(try LanguageModel(directory: folder.path).fingerprint != model.fingerprint)
        var theta = TinyLlama()
        theta.ropeTheta = 20_000
        #expect(try loadModel(theta).fingerprint != model.fingerprint)
    }

    @Test func otherModes() throws {
        _ = try saved()
        let others: [(AttentionMode, name: String, saved: String, expected: String)] = [
            (.plain, "attention", "self-extend", "plain"),
            (.selfExtend(SelfExtend(groupSize: 5, neighborWindow: 16)), "group_size", "4", "5"),
            (.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 17)), "neighbor_window", "16", "17"),
            (
                .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16, shift: .fractional)), "shift", "floor",
                "fractional"
            ),
            (
                .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16, queryScaleBase: 8)), "query_scale_base",
                "none",
                "8.0"
            ),
            (.reRoPE(ReRoPE(neighborWindow: 16)), "attention", "self-extend", "rerope"),
        ]
        for (mode, name, saved, expected) in others {
            let session = try makeSession(mode)
            try session.prefill([4, 5])
            #expect(
                refusal(session) == .otherSetting(file: path, name: name, saved: saved, expected: expected))
        }
        let bfloat16 = try makeSession(
            .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)), cacheFormat: .bfloat16)
        #expect(
            refusal(bfloat16)
                == .otherSetting(file: path, name: "cache_type", saved: "float32", expected: "bfloat16"))
    }

    @Test func filesThatAreNoSessions() throws {
        let session = try makeSession(.plain)
        try session.prefill([1, 2])
        #expect(
            refusal(session, directory.path + "/none")
                == .safetensors(.unreadable(file: directory.path + "/none", reason: "No such file or directory")))
        try directory.write("no safetensors at all", to: "text")
        guard case .safetensors = refusal(session, directory.path + "/text") else {
            Issue.record("a text was taken")
            return
        }
        var writer = SafetensorsWriter()
        try writer.add("tokens", shape: [1], floats: [1])
        try writer.write(to: path)
        guard case .notASession = refusal(session) else {
            Issue.record("a checkpoint was taken")
            return
        }
        let empty = try makeSession(.plain)
        #expect(throws: SessionFileError.session(.noTokens)) { try empty.save(to: path) }
    }

    /// Cut at any byte, no file is taken.
    @Test func truncatedFiles() throws {
        let session = try saved()
        let whole = try contents()
        for length in Array(stride(from: 0, to: whole.count, by: 997)) + [whole.count - 1] {
            try directory.write(Array(whole[..<length]), to: "session.safetensors")
            #expect(refusal(session) != nil, "\(length) bytes")
        }
    }

    /// With any bit flipped, no file is taken.
    @Test func flippedBits() throws {
        let session = try saved()
        let whole = try contents()
        // All of the header's bytes, where a flip can mean anything, and a sample of the numbers' bytes.
        let headerEnd = 8 + whole[..<8].enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        let places = Array(0..<headerEnd) + Array(stride(from: headerEnd, to: whole.count, by: 211)) + [whole.count - 1]
        for place in places {
            var bytes = whole
            bytes[place] ^= 1 << UInt8(place % 8)
            try directory.write(bytes, to: "session.safetensors")
            #expect(refusal(session) != nil, "byte \(place)")
        }
        try directory.write(whole, to: "session.safetensors")
        let restored = try makeSession(.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)))
        try restored.restore(from: path)
        #expect(restored.tokens == session.tokens)
    }

    private typealias RawTensor = (name: String, dtype: DType, shape: [Int], bytes: [UInt8])

    /// All tensors of the file but for the checksums.
    private func rawTensors(_ file: SafetensorsFile) throws -> [RawTensor] {
        try file.tensors.filter { $0.name != "checksums" }.map { info in
            (info.name, info.dtype, info.shape, try file.tensor(info.name).withUnsafeBytes { Array($0) })
        }
    }

    /// Writes a file that somebody made, with checksums that are right.
    private func forge(_ metadata: [String: String], _ tensors: [RawTensor]) throws {
        var writer = SafetensorsWriter(metadata: metadata)
        var hash = WordHash()
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            hash.add(key)
            hash.add(value)
        }
        var hashes = [hash.value]
        for tensor in tensors.sorted(by: { $0.name < $1.name }) {
            try writer.add(tensor.name, dtype: tensor.dtype, shape: tensor.shape, bytes: tensor.bytes)
            hashes.append(tensor.bytes.withUnsafeBytes { WordHash.hash($0) })
        }
        let sums = hashes.flatMap { hash in (0..<8).map { UInt8(truncatingIfNeeded: hash >> (8 * $0)) } }
        try writer.add("checksums", dtype: .uint8, shape: [sums.count], bytes: sums)
        try writer.write(to: path)
    }

    /// More neighbor keys than tokens, which would go to positions before the first, or too few.
    @Test(arguments: [9, 11, 30])
    func forgedNeighborKeys(count: Int) throws {
        let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16))
        let session = try saved(mode)
        let file = try SafetensorsFile(path: path)
        // All of 30 tokens is in the ring, so every tensor but the logits has 30 rows.
        var tensors = try rawTensors(file).map { tensor in
            var tensor = tensor
            if tensor.name == "logits" { return tensor }
            let rows = tensor.name.hasSuffix("neighbor_keys") ? count : 10
            tensor.bytes = Array(tensor.bytes.prefix(tensor.bytes.count / tensor.shape[0] * rows))
            tensor.shape[0] = rows
            return tensor
        }
        try forge(file.metadata, tensors)
        #expect(
            refusal(session)
                == .notASession(
                    file: path, reason: "it has \(count) neighbor keys for 10 tokens and a window of 16"))
        // With as many as there are tokens the same file is one.
        for index in tensors.indices where tensors[index].name.hasSuffix("neighbor_keys") {
            let row = tensors[index].bytes.count / count
            tensors[index].shape[0] = 10
            tensors[index].bytes = Array(
                (tensors[index].bytes + [UInt8](repeating: 0, count: 10 * row)).prefix(10 * row))
        }
        try forge(file.metadata, tensors)
        try session.restore(from: path)
        #expect(session.tokens == Array(self.tokens[..<10]))
    }

    /// Names that differ in their bytes alone: Swift takes them for the same.
    @Test func forgedNames() throws {
        let session = try saved()
        let file = try SafetensorsFile(path: path)
        let tensors = try rawTensors(file)
        let names = ["\u{e9}", "e\u{301}"]
        try forge(file.metadata, tensors + names.map { ($0, .uint8, [0], []) })
        #expect(
            refusal(session)
                == .notASession(
                    file: path, reason: "it has \(tensors.count + 3) tensors, not \(tensors.count + 1)"))
    }

    /// Saved by a processor without fused multiply-add, whose numbers are others.
    @Test func otherArithmetic() throws {
        let session = try saved()
        let file = try SafetensorsFile(path: path)
        let arithmetic = try #require(file.metadata["arithmetic"])
        let other = arithmetic == "fused" ? "unfused" : "fused"
        var metadata = file.metadata
        metadata["arithmetic"] = other
        try forge(metadata, try rawTensors(file))
        #expect(
            refusal(session) == .otherSetting(file: path, name: "arithmetic", saved: other, expected: arithmetic))
    }

    @Test func withinAPrefill() throws {
        let session = try saved()
        var errors: [SessionFileError?] = []
        try session.prefill([1]) { _ in
            for work in [session.save(to:), session.restore(from:)] {
                do throws(SessionFileError) {
                    try work(path)
                    errors.append(nil)
                } catch { errors.append(error) }
            }
        }
        #expect(errors == [.session(.busy), .session(.busy)])
    }

    // MARK: - Other families

    /// Layers with their own window, or without positions, have no neighbor keys; frequencies may depend on the length.
    @Test(arguments: ["gemma2", "gemma3_text", "smollm3", "llama_dynamic", "phi3"])
    func families(name: String) throws {
        let model = try LanguageModel(directory: Fixtures.path("reference/\(name)"))
        let mode = AttentionMode.selfExtend(SelfExtend(groupSize: 4, neighborWindow: 8))
        var generator = SeededGenerator(seed: 12)
        let tokens = generator.tokens(70, below: model.configuration.vocabularySize)
        let session = try makeSession(mode, capacity: 100, model: model)
        try session.prefill(Array(tokens[..<60]))
        try session.save(to: path)
        let layers = Set(
            try SafetensorsFile(path: path).tensorNames.filter { $0.hasSuffix("neighbor_keys") }.map {
                Int($0.split(separator: ".")[1])
            })
        let extended = model.configuration.layerAttention.indices.filter {
            model.configuration.layerAttention[$0].isExtended
        }
        #expect(layers == Set(extended))
        let restored = try makeSession(mode, capacity: 100, model: model)
        try restored.restore(from: path)
        for session in [session, restored] { try session.prefill(Array(tokens[60...])) }
        #expect(bits(restored.logits) == bits(session.logits))
        guard name == "llama_dynamic" else { return }
        let longer = try makeSession(mode, capacity: 101, model: model)
        #expect(
            refusal(longer) == .otherSetting(file: path, name: "length", saved: "100", expected: "101"))
    }

    // MARK: - Writing

    @Test func unwritableFolder() throws {
        let session = try makeSession(.plain)
        try session.prefill([1, 2, 3])
        let before = Snapshot(session)
        let place = directory.path + "/none/session"
        #expect(
            throws: SessionFileError.safetensors(.unwritable(file: place, reason: "No such file or directory"))
        ) { try session.save(to: place) }
        #expect(Snapshot(session) == before)
    }

    /// A disk that is full in the middle of writing: the file that was there stays, no part of the new one is left, and
    /// the session goes on. A limit of the process stands for the disk's; it holds for a process of its own.
    @Test func fullDisk() async {
        await #expect(processExitsWith: .success) {
            signal(SIGXFSZ, SIG_IGN)
            let directory = try TemporaryDirectory()
            let path = directory.path + "/session.safetensors"
            let model = try loadModel()
            let session = try Session(model: model, options: SessionOptions(capacity: 1_000))
            try session.prefill([1, 2, 3])
            try session.save(to: path)
            let before = try Data(contentsOf: URL(fileURLWithPath: path))
            try session.prefill((0..<600).map { $0 % 67 })
            var limit = rlimit(rlim_cur: 100_000, rlim_max: 100_000)
            #if canImport(Glibc)
                setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
            #else
                setrlimit(RLIMIT_FSIZE, &limit)
            #endif
            do throws(SessionFileError) {
                try session.save(to: path)
                exit(3)
            } catch {
                guard error == .safetensors(.unwritable(file: path, reason: "File too large")) else { exit(4) }
            }
            guard try Data(contentsOf: URL(fileURLWithPath: path)) == before else { exit(5) }
            guard try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["session.safetensors"] else {
                exit(6)
            }
            let undisturbed = try Session(model: model, options: SessionOptions(capacity: 1_000))
            try undisturbed.prefill([1, 2, 3] + (0..<600).map { $0 % 67 } + [9])
            try session.decode(9)
            guard bits(session.logits) == bits(undisturbed.logits) else { exit(7) }
        }
    }
}
