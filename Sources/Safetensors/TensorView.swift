internal import FileReading

/// One tensor of a mapped file. It copies nothing, and the file stays mapped for as long as there is a view of it.
public struct TensorView: Sendable {
    /// The tensor's name, type, shape and place in the file.
    public let info: TensorInfo
    /// The file that holds it.
    public let path: String
    let mapping: MappedFile
    let range: Range<Int>

    /// Calls `body` with the tensor's bytes: little-endian, row-major, of any alignment, valid during the call.
    ///
    /// They are those of the mapped file. Should another process truncate the file in the meantime, touching them ends this
    /// process. ``read(_:into:)`` throws instead.
    public func withUnsafeBytes<Result, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(UnsafeRawBufferPointer(rebasing: mapping.bytes[range]))
    }

    /// Copies a part of the tensor's bytes.
    ///
    /// - Parameters:
    ///   - bytes: The part, in bytes from the tensor's beginning.
    ///   - target: Where they go: as many bytes.
    /// - Throws: ``SafetensorsError/unreadable(file:reason:)`` when the file can't be read, or has been truncated.
    public func read(_ bytes: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(SafetensorsError) {
        precondition(bytes.lowerBound >= 0 && bytes.upperBound <= range.count, "bytes outside of the tensor")
        do throws(FileError) {
            try mapping.read(
                (range.lowerBound + bytes.lowerBound)..<(range.lowerBound + bytes.upperBound), into: target)
        } catch { throw .unreadable(file: error.path, reason: error.reason) }
    }

    /// A copy of the tensor's bytes.
    ///
    /// - Throws: ``SafetensorsError/unreadable(file:reason:)``, as ``read(_:into:)``.
    public func bytes() throws(SafetensorsError) -> [UInt8] { try Safetensors.read(range, of: mapping) }

    /// Gives the memory of pages back to the system, for a reader that has copied their bytes. The system reads them
    /// from the file again when they are used. The bytes of a file that is an array stay in memory.
    ///
    /// - Parameter bytes: The part of the tensor, in bytes from its beginning.
    public func discardResidentPages(_ bytes: Range<Int>) {
        precondition(bytes.lowerBound >= 0 && bytes.upperBound <= range.count, "bytes outside of the tensor")
        mapping.discardResidentPages((range.lowerBound + bytes.lowerBound)..<(range.lowerBound + bytes.upperBound))
    }

    /// The numbers of an F32, F16 or BF16 tensor, widened exactly.
    ///
    /// - Throws: ``SafetensorsError/wrongDType(file:tensor:found:expected:)`` for another type,
    ///   ``SafetensorsError/unreadable(file:reason:)`` when the file can't be read.
    public func floats() throws(SafetensorsError) -> [Float] {
        switch info.dtype {
        case .float32: try elements(UInt32.self) { Float(bitPattern: $0) }
        case .bfloat16: try elements(UInt16.self) { Float(bitPattern: UInt32($0) << 16) }
        case .float16: try elements(UInt16.self, widenHalf)
        default:
            throw .wrongDType(
                file: path, tensor: info.name, found: info.dtype, expected: [.float32, .float16, .bfloat16])
        }
    }

    /// The numbers of an I64 or I32 tensor.
    ///
    /// - Throws: ``SafetensorsError/wrongDType(file:tensor:found:expected:)`` for another type,
    ///   ``SafetensorsError/unreadable(file:reason:)`` when the file can't be read.
    public func integers() throws(SafetensorsError) -> [Int] {
        switch info.dtype {
        case .int64: try elements(Int64.self) { Int($0) }
        case .int32: try elements(Int32.self) { Int($0) }
        default:
            throw .wrongDType(file: path, tensor: info.name, found: info.dtype, expected: [.int64, .int32])
        }
    }

    private func elements<Bits: FixedWidthInteger, Element>(
        _: Bits.Type, _ convert: (Bits) -> Element
    ) throws(SafetensorsError) -> [Element] {
        let size = MemoryLayout<Bits>.size
        let count = range.count / size
        // In pieces, so that no second copy of a large tensor is made.
        var piece = [Bits](repeating: 0, count: min(count, 1 << 16))
        var elements: [Element] = []
        elements.reserveCapacity(count)
        while elements.count < count {
            let (first, length) = (elements.count, min(piece.count, count - elements.count))
            try piece.withUnsafeMutableBufferPointer { (buffer) throws(SafetensorsError) in
                try read(
                    (first * size)..<((first + length) * size),
                    into: UnsafeMutableRawBufferPointer(UnsafeMutableBufferPointer(rebasing: buffer[..<length])))
            }
            for bits in piece[..<length] { elements.append(convert(Bits(littleEndian: bits))) }
        }
        return elements
    }
}

/// One IEEE half-precision number, widened exactly. (`Float16` doesn't exist on every platform.)
private func widenHalf(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let fraction = UInt32(bits & 0x3ff)
    switch UInt32(bits >> 10) & 31 {
    case 0: return sign * Float(fraction) * 0x1p-24
    case 31: return Float(bitPattern: UInt32(bits & 0x8000) << 16 | 0x7f80_0000 | fraction << 13)
    case let exponent: return sign * Float(bitPattern: (exponent + 112) << 23 | fraction << 13)
    }
}
