import LongLM
import ModelTwins
import Testing
import TestSupport

/// That a saved file alone says what session it needs.
@Suite struct SessionRestoringTests {
    private static let modes: [AttentionMode] = [
        .plain, .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)),
        .selfExtend(SelfExtend(groupSize: 3, neighborWindow: 40, shift: .fractional, queryScaleBase: 9.3)),
        .reRoPE(ReRoPE(neighborWindow: 20, queryScaleBase: 1.1)),
        .leakyReRoPE(LeakyReRoPE(slowdown: 3.1, neighborWindow: 10)),
    ]

    private let model: LanguageModel
    private let directory: TemporaryDirectory
    private var path: String { directory.file("session.safetensors") }

    init() throws {
        model = try loadModel()
        directory = try TemporaryDirectory()
    }

    /// All settings come back, to the last bit.
    @Test(arguments: modes, CacheFormat.allCases)
    func sameSession(mode: AttentionMode, cacheFormat: CacheFormat) throws {
        let session = try Session(
            model: model, options: SessionOptions(attention: mode, capacity: 333, cacheFormat: cacheFormat))
        try session.prefill([5, 6, 7, 8, 9])
        try session.save(to: path)
        let restored = try Session(model: model, restoringFrom: path, threadCount: 1)
        #expect(restored.attention == mode && restored.cacheFormat == cacheFormat && restored.capacity == 333)
        #expect(restored.threadCount == 1 && restored.tokens == session.tokens)
        for session in [session, restored] { try session.decode(10) }
        #expect(bits(restored.logits) == bits(session.logits))
    }

    @Test func capacities() throws {
        let session = try Session(model: model, options: SessionOptions(capacity: 20))
        try session.prefill(Array(1...10))
        try session.save(to: path)
        #expect(try Session(model: model, restoringFrom: path, capacity: 10).capacity == 10)
        #expect(
            thrownError { () throws(SessionFileError) in
                _ = try Session(model: model, restoringFrom: path, capacity: 9)
            } == .session(.capacityExceeded(needed: 10, capacity: 9)))
        #expect(
            thrownError { () throws(SessionFileError) in
                _ = try Session(model: model, restoringFrom: path, capacity: 0)
            } == .session(.invalidOption(InvalidOption("capacity", 0, allowed: "between 1 and 16777216"))))
    }

    /// Writes the metadata alone of a file that is otherwise a session's.
    private func forge(_ change: (inout [String: String]) -> Void) throws {
        let session = try Session(
            model: model,
            options: SessionOptions(
                attention: .selfExtend(SelfExtend(groupSize: 4, neighborWindow: 16)), capacity: 20))
        try session.prefill([1, 2, 3])
        try session.save(to: path)
        let file = try SafetensorsFile(path: path)
        var metadata = file.metadata
        change(&metadata)
        var hash = WordHash()
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            hash.add(key)
            hash.add(value)
        }
        var writer = SafetensorsWriter(metadata: metadata)
        var hashes = [hash.value]
        for info in file.tensors.filter({ $0.name != "checksums" }).sorted(by: { $0.name < $1.name }) {
            let bytes = try file.tensor(info.name).withUnsafeBytes { Array($0) }
            try writer.add(info.name, dtype: info.dtype, shape: info.shape, bytes: bytes)
            hashes.append(bytes.withUnsafeBytes { WordHash.hash($0) })
        }
        let sums = hashes.flatMap { hash in (0..<8).map { UInt8(truncatingIfNeeded: hash >> (8 * $0)) } }
        try writer.add("checksums", dtype: .uint8, shape: [sums.count], bytes: sums)
        try writer.write(to: path)
    }

    private func refusal() -> SessionFileError? {
        thrownError { () throws(SessionFileError) in _ = try Session(model: model, restoringFrom: path) }
    }

    /// A file of 0.1.0, which has no capacity.
    @Test func withoutACapacity() throws {
        try forge { $0["capacity"] = nil }
        let restored = try Session(model: model, restoringFrom: path)
        #expect(restored.tokens == [1, 2, 3] && restored.capacity == (64 - 16) * 4 + 16)
        let other = try Session(model: model, options: SessionOptions(attention: restored.attention))
        try other.restore(from: path)
        #expect(other.tokens == [1, 2, 3])
    }

    @Test(
        arguments: [
            ("attention", "wide", "attention wide is not known"), ("attention", nil, "its metadata have no attention"),
            ("group_size", "four", "its group_size is four"), ("shift", "up", "its shift is up"),
            ("neighbor_window", nil, "its metadata have no neighbor_window"),
            ("query_scale_base", "x", "its query_scale_base is x"), ("cache_type", "int3", "its cache_type is int3"),
            ("capacity", "9e9", "its capacity is 9e9"), ("format", "image", "its metadata don't say that it is one"),
            ("version", "7", "version 7, not 1"),
        ] as [(String, String?, String)])
    func wrongMetadata(key: String, value: String?, reason: String) throws {
        try forge { $0[key] = value }
        #expect(refusal() == .notASession(file: path, reason: reason))
    }

    /// Settings and sizes that no session has are errors of the session, not traps.
    @Test(arguments: [
        ("group_size", "0"), ("group_size", "-9223372036854775808"), ("neighbor_window", "9223372036854775807"),
        ("query_scale_base", "nan"), ("capacity", "-1"), ("capacity", "9223372036854775807"),
    ])
    func impossibleValues(key: String, value: String) throws {
        try forge { $0[key] = value }
        guard case .session? = refusal() else {
            Issue.record("\(key) \(value): \(String(describing: refusal()))")
            return
        }
    }

    @Test func otherFiles() throws {
        #expect(
            refusal() == .safetensors(.unreadable(file: path, reason: "No such file or directory")))
        try forge { $0["model"] = "0000000000000000" }
        #expect(
            refusal()
                == .otherModel(file: path, saved: "0000000000000000", expected: model.fingerprint))
        try forge { $0["stranger"] = "x" }
        #expect(refusal() == .notASession(file: path, reason: "it has metadata that are not known"))
    }
}
