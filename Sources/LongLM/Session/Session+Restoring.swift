import SIMDKernels
import Safetensors

extension Session {
    /// Makes the session that ``save(to:)`` wrote: with its attention mode, its cache format and its capacity, its tokens
    /// and its logits. It continues with the same bits.
    ///
    /// <!-- sample: session: Session, model: LanguageModel -->
    /// ```swift
    /// try session.save(to: "report.session")
    /// // Later, or in another process:
    /// let restored = try Session(model: model, restoringFrom: "report.session")
    /// print(restored.position)
    /// ```
    ///
    /// - Parameters:
    ///   - model: The model that the session was saved with.
    ///   - path: The file.
    ///   - threadCount: Threads of the team, at least 1; nil: `OMP_NUM_THREADS` or the number of processors. The number
    ///     doesn't change a bit of any result.
    ///   - capacity: The most tokens that the session may hold; nil: as many as the saved one. A file of version 0.1.0
    ///     doesn't say how many those are; the session then has the capacity that ``SessionOptions/capacity`` has by default,
    ///     or as many tokens as the file, if those are more.
    /// - Throws: ``SessionFileError``.
    public convenience init(
        model: LanguageModel, restoringFrom path: String, threadCount: Int? = nil, capacity: Int? = nil
    ) throws(SessionFileError) {
        let file: SafetensorsFile
        do {
            file = try SafetensorsFile(path: path)
        } catch { throw .safetensors(error) }
        try Self.checkOrigin(of: file, model: model)
        let saved = SavedSettings(file)
        var options = SessionOptions(
            attention: try saved.attention(), threadCount: threadCount, cacheFormat: try saved.cacheFormat())
        options.frequencyLength = try saved.frequencyLength()
        let savedCapacity = try saved.capacity()
        options.capacity = capacity ?? savedCapacity ?? max(options.capacity(for: model), saved.tokenCount)
        do {
            try self.init(model: model, options: options)
        } catch { throw .session(error) }
        try restore(from: path)
    }
}

/// The settings in the metadata of a saved session's file, which anybody may have written.
private struct SavedSettings {
    private let file: SafetensorsFile

    init(_ file: SafetensorsFile) { self.file = file }

    /// How many tokens the file says it has.
    var tokenCount: Int { file.tensors.first { $0.name == "tokens" }?.shape.first ?? 0 }

    /// The capacity; nil where the file doesn't state it.
    func capacity() throws(SessionFileError) -> Int? {
        // In 0.1.0, models whose frequencies depend on it stated it under their length.
        if file.metadata[Session.capacityKey] == nil { return try frequencyLength() }
        return try value(Session.capacityKey) { Int($0) }
    }

    /// The length that frequencies are for; nil where they depend on none.
    func frequencyLength() throws(SessionFileError) -> Int? {
        file.metadata["length"] == nil ? nil : try value("length") { Int($0) }
    }

    func cacheFormat() throws(SessionFileError) -> CacheFormat { try value("cache_type", CacheFormat.init(rawValue:)) }

    func attention() throws(SessionFileError) -> AttentionMode {
        switch try value("attention", { $0 }) {
        case "plain": return .plain
        case "self-extend":
            return .selfExtend(
                SelfExtend(
                    groupSize: try value("group_size") { Int($0) }, neighborWindow: try neighborWindow(),
                    shift: try value("shift", SelfExtend.Shift.init(rawValue:)), queryScaleBase: try queryScaleBase()))
        case "rerope":
            return .reRoPE(ReRoPE(neighborWindow: try neighborWindow(), queryScaleBase: try queryScaleBase()))
        case "leaky-rerope":
            return .leakyReRoPE(
                LeakyReRoPE(
                    slowdown: try value("slowdown") { Double($0) }, neighborWindow: try neighborWindow(),
                    queryScaleBase: try queryScaleBase()))
        case let text:
            guard let mode = try? AttentionMode(text: text) else {
                throw .notASession(file: file.path, reason: "attention \(text) is not known")
            }
            return mode
        }
    }

    private func neighborWindow() throws(SessionFileError) -> Int { try value("neighbor_window") { Int($0) } }

    private func queryScaleBase() throws(SessionFileError) -> Float? {
        try value("query_scale_base") { text in text == "none" ? .some(nil) : Float(text).map { .some($0) } }
    }

    private func value<Value>(
        _ name: String, _ parse: (String) -> Value?
    ) throws(SessionFileError) -> Value {
        guard let text = file.metadata[name] else {
            throw .notASession(file: file.path, reason: "its metadata have no \(name)")
        }
        guard let value = parse(text) else {
            throw .notASession(file: file.path, reason: "its \(name) is \(text)")
        }
        return value
    }
}

extension AttentionMode {
    /// The mode's own settings, by their names in a saved session: its text, or those of 0.1.0 for the modes that were there
    /// then.
    var settings: [(name: String, value: String)] {
        func base(_ base: Float?) -> String { base.map { "\($0)" } ?? "none" }
        return switch self {
        case .plain: [("attention", "plain")]
        case .selfExtend(let mode):
            [
                ("attention", "self-extend"), ("group_size", "\(mode.groupSize)"),
                ("neighbor_window", "\(mode.neighborWindow)"), ("shift", mode.shift.rawValue),
                ("query_scale_base", base(mode.queryScaleBase)),
            ]
        case .reRoPE(let mode):
            [
                ("attention", "rerope"), ("neighbor_window", "\(mode.neighborWindow)"),
                ("query_scale_base", base(mode.queryScaleBase)),
            ]
        case .leakyReRoPE(let mode):
            [
                ("attention", "leaky-rerope"), ("slowdown", "\(mode.slowdown)"),
                ("neighbor_window", "\(mode.neighborWindow)"), ("query_scale_base", base(mode.queryScaleBase)),
            ]
        default: [("attention", text)]
        }
    }
}
