import LongLM
import SIMDKernels

/// What limits a workload.
public enum WorkloadLimit: Sendable, Equatable {
    /// Multiplications and additions in a precision.
    case operations(Precision)
    /// Bytes read from memory.
    case memory
}

/// Something that can be run again and again, and how much it does each time.
public struct Workload {
    /// Such as `gemm/f32/512x4096x4096`.
    public let name: String
    /// What bounds it.
    public let limit: WorkloadLimit
    /// Operations or bytes of one run.
    public let amount: Double
    /// Tokens of one run, for a workload that is reported in tokens per second.
    public let tokenCount: Int?
    /// Brings the state about from which a run starts; not timed.
    let prepare: () throws -> Void
    /// One run.
    let run: () throws -> Void

    /// Runs it once, for a harness that takes the time itself.
    ///
    /// - Throws: What the model throws.
    public func runOnce() throws {
        try prepare()
        try run()
    }

    init(
        name: String, limit: WorkloadLimit, amount: Double, tokenCount: Int? = nil,
        prepare: @escaping () throws -> Void = {}, run: @escaping () throws -> Void
    ) {
        self.name = name
        self.limit = limit
        self.amount = amount
        self.tokenCount = tokenCount
        self.prepare = prepare
        self.run = run
    }
}

/// Threads and instructions that kernels run with.
public struct KernelSetting: Sendable, Equatable {
    /// Threads of a team.
    public let threadCount: Int
    /// What its kernels are compiled for.
    public let instructionSet: InstructionSet

    /// A setting.
    public init(threadCount: Int, instructionSet: InstructionSet) {
        self.threadCount = threadCount
        self.instructionSet = instructionSet
    }

    /// The best instruction set of the processor, or what `LONGLM_ISA` names.
    ///
    /// - Parameter threadCount: Threads; nil: `OMP_NUM_THREADS` or the number of processors.
    /// - Throws: `InstructionSetError` or `ThreadCountError` when the environment asks for what can't be.
    public init(threadCount: Int?) throws {
        let defaultThreadCount = try Team.defaultThreadCount()
        self.init(
            threadCount: threadCount ?? defaultThreadCount, instructionSet: try InstructionSet.preferred())
    }

    func runTeam(_ body: (Worker) -> Void) {
        Team.run(threadCount: threadCount, instructionSet: instructionSet, body)
    }
}

/// Names of what is multiplied, in benchmarks.
private func typeName(_ precision: Precision, _ format: WeightFormat) -> String {
    switch (precision, format) {
    case (.bfloat16, _): "bf16"
    case (.float32, .float32): "f32"
    case (.float32, .bfloat16): "f32xbf16"
    case (.float32, .float16): "f32xf16"
    }
}

extension Workload {
    /// A product of packed activations with packed weights. Packing isn't timed.
    ///
    /// - Parameters:
    ///   - shape: M, N and K. One row is a GEMV, which memory limits.
    ///   - precision: What it is computed in.
    ///   - format: How weights are stored; bfloat16 for `Precision.bfloat16`.
    ///   - setting: Threads and instructions.
    public static func product(
        _ shape: KernelShape.Product, precision: Precision, format: WeightFormat, _ setting: KernelSetting
    ) -> Workload {
        // Bits of ordinary numbers in every type.
        let count = shape.outputCount * shape.inputCount
        let source = [UInt8](unsafeUninitializedCapacity: count * format.byteCount) { bytes, initialized in
            for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: 0x2c &+ index & 7) }
            initialized = bytes.count
        }
        let weights = source.withUnsafeBytes {
            PackedMatrix(
                packing: $0, format: format, rowCount: shape.outputCount, columnCount: shape.inputCount,
                threadCount: setting.threadCount, instructionSet: setting.instructionSet)
        }
        let input = AlignedBuffer.filled(floatCount: shape.rowCount * shape.inputCount)
        let output = AlignedBuffer.filled(floatCount: shape.rowCount * shape.outputCount)
        let packed = AlignedBuffer(
            floatCount: GEMM.packedInputFloatCount(rowCount: shape.rowCount, columnCount: shape.inputCount))
        let scratchCount = GEMM.scratchFloatCount(maximumRowCount: shape.rowCount)
        let scratch = AlignedBuffer(floatCount: scratchCount * setting.threadCount)
        func pack(_ worker: Worker) -> PackedInput {
            GEMM.packInput(
                input.floats, rowCount: shape.rowCount, columnCount: shape.inputCount, precision: precision,
                into: packed.floats, worker: worker)
        }
        var packedInput: PackedInput?
        setting.runTeam { worker in
            let form = pack(worker)
            if worker.index == 0 { packedInput = form }
        }
        let isVector = shape.rowCount == 1
        let name =
            (isVector ? "gemv/" : "gemm/") + typeName(precision, format)
            + "/\(shape.rowCount)x\(shape.outputCount)x\(shape.inputCount)"
        return Workload(
            name: name, limit: isVector ? .memory : .operations(precision),
            amount: isVector ? Double(count * format.byteCount) : shape.operationCount
        ) {
            guard let packedInput else { return }
            withExtendedLifetime((input, packed)) {
                setting.runTeam { worker in
                    GEMM.multiply(
                        packedInput, by: weights, into: output.floats,
                        scratch: scratch.floats + worker.index * scratchCount,
                        worker: worker)
                }
            }
        }
    }

    /// Attention of all positions of a text in steps of 512 rows, from a filled cache.
    ///
    /// - Parameters:
    ///   - length: Positions.
    ///   - neighborWindow: W; 0: plain attention.
    ///   - precision: What it is computed in; decides the cache's type.
    ///   - setting: Threads and instructions.
    public static func attention(
        length: Int, neighborWindow: Int, precision: Precision, _ setting: KernelSetting
    ) -> Workload {
        let shape = KernelShape.attention(cacheFormat: precision == .bfloat16 ? .bfloat16 : .float32)
        let rowCount = min(512, length)
        let isNarrow = shape.cacheFormat == .bfloat16
        let segments = (0..<AttentionShape.segmentCount(length: length)).map { _ in
            AlignedBuffer.filled(floatCount: shape.segmentFloatCount, asPairs: isNarrow)
        }
        let ringPanelCount = shape.ringPanelCount(window: neighborWindow, rowCount: rowCount)
        let ring = AlignedBuffer.filled(
            floatCount: shape.ringFloatCount(panelCount: ringPanelCount), asPairs: isNarrow)
        let queryCount = rowCount * shape.queryHeadCount * shape.headDimension
        let queries = AlignedBuffer.filled(floatCount: queryCount)
        let output = AlignedBuffer(floatCount: queryCount)
        let scratchCount = TwoPassAttention.scratchFloatCount(shape: shape)
        let scratch = AlignedBuffer(floatCount: scratchCount * setting.threadCount)
        let partials = AlignedBuffer(floatCount: TwoPassAttention.partialFloatCount(shape: shape, length: length))
        let pointers = segments.map(\.floats)
        let suffix = precision == .bfloat16 ? "/bf16" : ""
        // Scores and values, 2 operations each, for every query and key up to it.
        let pairs = Double(length) * Double(length + 1) / 2
        return Workload(
            name: "attention/\(neighborWindow == 0 ? "plain" : "selfextend")/\(length)\(suffix)",
            limit: .operations(precision),
            amount: 4 * Double(shape.queryHeadCount * shape.headDimension) * pairs
        ) {
            withExtendedLifetime(segments) {
                pointers.withUnsafeBufferPointer { pointers in
                    guard let table = pointers.baseAddress else { return }
                    setting.runTeam { worker in
                        for first in stride(from: 0, to: length, by: rowCount) {
                            let input = AttentionInput(
                                queries: queries.floats, neighborQueries: queries.floats, rowCount: rowCount,
                                firstPosition: first, segments: table, neighborRing: ring.floats,
                                ringPanelCount: ringPanelCount, neighborWindow: neighborWindow, output: output.floats,
                                precision: precision)
                            TwoPassAttention.attend(
                                input, shape: shape, scratch: scratch.floats + worker.index * scratchCount,
                                partials: partials.floats, worker: worker)
                            worker.barrier()
                        }
                    }
                }
            }
        }
    }

    /// A prefill of `length` tokens into an empty session.
    ///
    /// - Throws: `SessionError` when the session can't be made.
    public static func prefill(
        _ model: LanguageModel, type: String, length: Int, selfExtend: SelfExtend?, cacheFormat: CacheFormat?,
        threadCount: Int
    ) throws -> Workload {
        let tokens = benchmarkTokens(length, model)
        var session: Session?
        func prepare() throws {
            session = nil
            session = try Session(
                model: model,
                options: SessionOptions(
                    attention: AttentionMode(selfExtend), threadCount: threadCount, capacity: length,
                    cacheFormat: cacheFormat))
        }
        return Workload(
            name: "prefill/\(type)/\(length)" + (selfExtend == nil ? "" : "/selfextend"),
            limit: .operations(model.precision),
            amount: model.configuration.operationCount(prefillOf: length, attention: AttentionMode(selfExtend)),
            tokenCount: length, prepare: prepare
        ) { try session?.prefill(tokens) }
    }

    /// Sixteen decode steps after `depth` tokens.
    ///
    /// - Throws: `SessionError` when the session can't be made or filled.
    public static func decode(
        _ model: LanguageModel, type: String, depth: Int, selfExtend: SelfExtend?, cacheFormat: CacheFormat?,
        threadCount: Int
    ) throws -> Workload {
        let stepCount = 16
        // A session goes on for some runs, so that the text in front of it isn't processed for each.
        let runCount = 16
        func makeSession() throws -> Session {
            let session = try Session(
                model: model,
                options: SessionOptions(
                    attention: AttentionMode(selfExtend), threadCount: threadCount,
                    capacity: depth + runCount * stepCount,
                    cacheFormat: cacheFormat))
            if depth > 0 { try session.prefill(benchmarkTokens(depth, model)) }
            return session
        }
        var session = try makeSession()
        // The depth of the runs' middle.
        let cache = model.configuration.cacheByteCount(
            position: depth + runCount * stepCount / 2, cacheFormat: session.cacheFormat)
        return Workload(
            name: "decode/\(type)/depth\(depth)" + (selfExtend == nil ? "" : "/selfextend"), limit: .memory,
            amount: Double(stepCount) * Double(model.decodeByteCount + cache), tokenCount: stepCount,
            prepare: { if session.capacity - session.position < stepCount { session = try makeSession() } }
        ) {
            for step in 0..<stepCount { try session.decode(step % model.configuration.vocabularySize) }
        }
    }
}

extension Workload {
    /// Sixteen decode steps of several sessions together.
    ///
    /// - Throws: `SessionError` when the sessions can't be made.
    public static func batch(
        _ model: LanguageModel, type: String, count: Int, cacheFormat: CacheFormat?, threadCount: Int
    ) throws -> Workload {
        let stepCount = 16
        let batch = try Batch(model: model, sessionLimit: count, rowLimit: count, threadCount: threadCount)
        let sessions = try (0..<count).map { _ in
            try Session(
                model: model,
                options: SessionOptions(threadCount: threadCount, capacity: 256, cacheFormat: cacheFormat))
        }
        let cache = model.configuration.cacheByteCount(position: 128, cacheFormat: sessions[0].cacheFormat)
        return Workload(
            name: "decode/\(type)/batch\(count)", limit: .memory,
            amount: Double(stepCount) * Double(model.decodeByteCount + count * cache), tokenCount: stepCount * count,
            prepare: {
                for session in sessions where session.capacity - session.position < stepCount {
                    try session.truncate(to: 0)
                }
            }
        ) {
            for step in 0..<stepCount {
                let tokens = (0..<count).map { (step + 7 * $0) % model.configuration.vocabularySize }
                try batch.decode(tokens, in: sessions)
            }
        }
    }
}

/// Tokens that repeat slowly.
func benchmarkTokens(_ count: Int, _ model: LanguageModel) -> [Int] {
    (0..<count).map { $0 &* 7919 % model.configuration.vocabularySize }
}

extension AlignedBuffer {
    /// A buffer of numbers between −½ and ½ that repeat slowly.
    ///
    /// - Parameter asPairs: Words of two bfloat16 numbers instead of floats.
    static func filled(floatCount: Int, asPairs: Bool = false) -> AlignedBuffer {
        let buffer = AlignedBuffer(floatCount: floatCount)
        for index in 0..<floatCount {
            let number = Float(index &* 7919 % 1000) * 1e-3 - 0.5
            let upper = number.bitPattern & 0xffff_0000
            buffer.floats[index] = asPairs ? Float(bitPattern: upper | upper >> 16) : number
        }
        return buffer
    }
}

extension ModelConfiguration {
    /// The bytes of keys and values that a decode step at `position` reads.
    func cacheByteCount(position: Int, cacheFormat: CacheFormat) -> Int {
        layerCount * position * 2 * keyValueHeadCount * headDimension * cacheFormat.byteCount
    }
}
