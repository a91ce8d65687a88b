internal import FileReading

/// What a header says of one tensor.
public struct GGUFTensorInfo: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// The type of its numbers.
    public let type: GGUFTensorType
    /// Its dimensions, outermost first (the file has them in the opposite order); none for a scalar. The numbers of the last
    /// one, a row, are whole blocks.
    public let shape: [Int]
    /// Where its bytes lie, counted from the beginning of the data.
    public let byteRange: Range<Int>

    /// How many numbers it has.
    public var elementCount: Int { shape.contains(0) ? 0 : shape.reduce(1, *) }

    /// How many bytes they take.
    public var byteCount: Int { byteRange.count }
}

/// One tensor of a mapped file. It copies nothing, and the file stays mapped for as long as there is a view of it.
public struct GGUFTensorView: Sendable {
    /// The tensor's name, type, shape and place in the file.
    public let info: GGUFTensorInfo
    /// The file that holds it.
    public let path: String
    let mapping: MappedFile
    let range: Range<Int>

    /// Calls `body` with the tensor's bytes: little-endian, row after row, of any alignment, valid during the call.
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
    /// - Throws: ``GGUFError/unreadable(file:reason:)`` when the file can't be read, or has been truncated.
    public func read(_ bytes: Range<Int>, into target: UnsafeMutableRawBufferPointer) throws(GGUFError) {
        precondition(bytes.lowerBound >= 0 && bytes.upperBound <= range.count, "bytes outside of the tensor")
        do throws(FileError) {
            try mapping.read(
                (range.lowerBound + bytes.lowerBound)..<(range.lowerBound + bytes.upperBound), into: target)
        } catch { throw .unreadable(file: error.path, reason: error.reason) }
    }

    /// Gives the memory of pages back to the system, for a reader that has copied their bytes. The system reads them
    /// from the file again when they are used. The bytes of a file that is an array stay in memory.
    ///
    /// - Parameter bytes: The part of the tensor, in bytes from its beginning.
    public func discardResidentPages(_ bytes: Range<Int>) {
        precondition(bytes.lowerBound >= 0 && bytes.upperBound <= range.count, "bytes outside of the tensor")
        mapping.discardResidentPages((range.lowerBound + bytes.lowerBound)..<(range.lowerBound + bytes.upperBound))
    }
}
