import SIMDKernels

/// A product of activations [M, K] with weights [N, K]; one row is a GEMV.
struct GEMMShape {
    let elementType: ElementType
    let rowCount: Int
    let outputCount: Int
    let inputCount: Int

    /// Times packing the input and the product, as a forward pass does both; the weights are packed before.
    func time(_ setting: Setting) {
        // Bits of small positive numbers in every type.
        let source = [UInt8](repeating: 0x2c, count: outputCount * inputCount * elementType.byteCount)
        let weights = source.withUnsafeBytes {
            PackedMatrix(packing: $0, elementType: elementType, rowCount: outputCount, columnCount: inputCount)
        }
        let input = AlignedBuffer.filled(floatCount: rowCount * inputCount)
        let output = AlignedBuffer(floatCount: rowCount * outputCount)
        let packed = AlignedBuffer(
            floatCount: GEMM.packedInputFloatCount(rowCount: rowCount, columnCount: inputCount))
        let scratchCount = GEMM.scratchFloatCount(maximumRowCount: rowCount)
        let scratch = AlignedBuffer(floatCount: scratchCount * setting.threadCount)
        let seconds = setting.medianSeconds { worker in
            let packedInput = GEMM.packInput(
                input.floats, rowCount: rowCount, columnCount: inputCount, into: packed.floats, worker: worker)
            worker.barrier()
            GEMM.multiply(
                packedInput, by: weights, into: output.floats, scratch: scratch.floats + worker.index * scratchCount,
                worker: worker)
        }
        if rowCount == 1 {
            let bytes = Double(source.count)
            setting.report(
                "gemv/\(elementType)/\(outputCount)x\(inputCount)", seconds: seconds, bytes / seconds * 1e-9, "GB/s")
        } else {
            let operations = 2 * Double(rowCount * outputCount * inputCount)
            setting.report(
                "gemm/\(elementType)/\(rowCount)x\(outputCount)x\(inputCount)", seconds: seconds,
                operations / seconds * 1e-9, "GFLOP/s")
        }
    }
}
