import LongLM
import SIMDKernels

extension Workload {
    /// ``BenchmarkCase/product(_:_:)``. Packing isn't timed.
    static func product(
        _ benchmark: BenchmarkCase, _ shape: KernelShape.Product, _ arithmetic: BenchmarkArithmetic,
        _ setting: KernelSetting
    ) -> Workload {
        guard let format = arithmetic.weightFormat else { preconditionFailure("only a model's file has a format") }
        let precision = arithmetic.precision
        // These bits are ordinary numbers in every format.
        let byteCount = shape.outputCount * format.rowByteCount(columnCount: shape.inputCount)
        let source = [UInt8](unsafeUninitializedCapacity: byteCount) { bytes, initialized in
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
        return Workload(
            benchmark,
            amount: benchmark.limit == .memory ? Double(byteCount) : shape.operationCount
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

    /// ``BenchmarkCase/attention(length:_:precision:)``: 512 rows at a time, from a filled cache in the format
    /// that the precision multiplies.
    static func attention(
        _ benchmark: BenchmarkCase, length: Int, _ zones: [AttentionZone], precision: Precision,
        _ setting: KernelSetting
    ) -> Workload {
        let shape = KernelShape.attention(
            cacheFormat: precision == .int8 ? .int8 : precision.defaultCacheFormat)
        let rowCount = min(512, length)
        let segments = (0..<AttentionShape.segmentCount(length: length)).map { _ in
            AlignedBuffer(floatCount: shape.segmentFloatCount)
        }
        let ringPanelCount = shape.ringPanelCount(window: KernelShape.neighborWindow, rowCount: rowCount)
        let ring = AlignedBuffer(floatCount: shape.ringFloatCount(panelCount: ringPanelCount))
        // A row of every position begins at another number.
        let rowWidth = shape.keyValueHeadCount * shape.headDimension
        let numbers = AlignedBuffer.filled(floatCount: rowWidth + 1000)
        for position in 0..<length {
            let row = numbers.floats + position % 1000
            let segment = segments[position / AttentionShape.segmentLength].floats
            shape.storeKey(row, position: position, segment: segment)
            shape.storeValue(row, position: position, segment: segment)
            shape.storeNeighborKey(row, position: position, ring: ring.floats, panelCount: ringPanelCount)
        }
        let queryCount = rowCount * shape.queryHeadCount * shape.headDimension
        let queries = AlignedBuffer.filled(floatCount: queryCount)
        let output = AlignedBuffer(floatCount: queryCount)
        let scratchCount = TwoPassAttention.scratchFloatCount(shape: shape)
        let scratch = AlignedBuffer(floatCount: scratchCount * setting.threadCount)
        let partials = AlignedBuffer(floatCount: TwoPassAttention.partialFloatCount(shape: shape, length: length))
        let pointers = segments.map(\.floats)
        // A score and a weighted value, 2 operations each, for every pair of a query and a key that it sees.
        let pairs = Double(length) * Double(length + 1) / 2
        return Workload(
            benchmark, amount: 4 * Double(shape.queryHeadCount * shape.headDimension) * pairs
        ) {
            withExtendedLifetime(segments) {
                pointers.withUnsafeBufferPointer { pointers in
                    guard let table = pointers.baseAddress else { return }
                    setting.runTeam { worker in
                        for first in stride(from: 0, to: length, by: rowCount) {
                            let input = AttentionInput(
                                zones: ZoneQueries(zones) { _ in UnsafePointer(queries.floats) }, rowCount: rowCount,
                                firstPosition: first, segments: table, ring: ring.floats,
                                ringPanelCount: ringPanelCount, output: output.floats, precision: precision)
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
}
