/// Rounds floats to quantised formats, block by block, as a file would hold them.
package enum WeightQuantizer {
    /// The formats that floats can be rounded to.
    package static func quantizes(_ format: WeightFormat) -> Bool { format == .q80 || format == .q40 }

    /// Rounds one row. A number that isn't finite makes its whole block NaN, so that it shows in every product, as it
    /// would unrounded.
    ///
    /// - Parameters:
    ///   - row: [columnCount].
    ///   - columnCount: A multiple of 32.
    ///   - format: One that ``quantizes(_:)`` is true of.
    ///   - target: ``WeightFormat/rowByteCount(columnCount:)`` bytes.
    package static func quantize(
        _ row: UnsafePointer<Float>, columnCount: Int, to format: WeightFormat, _ target: UnsafeMutableRawPointer
    ) {
        let blockByteCount = format.rowByteCount(columnCount: 32)
        for index in 0..<(columnCount / 32) {
            let numbers = UnsafeBufferPointer(start: row + index * 32, count: 32)
            let block = target + index * blockByteCount
            if format == .q80 { storeQ80(numbers, block) } else { storeQ40(numbers, block) }
        }
    }

    /// The scale makes the greatest magnitude 127.
    private static func storeQ80(_ numbers: UnsafeBufferPointer<Float>, _ block: UnsafeMutableRawPointer) {
        let greatest = numbers.reduce(0) { max($0, abs($1)) }
        let scale = scaleBits(greatest / 127, of: numbers)
        block.storeBytes(of: scale, as: UInt16.self)
        let rounded = Float16Storage.widen(scale)
        for (index, number) in numbers.enumerated() {
            let code = rounded.magnitude > 0 ? (number / rounded).rounded(.toNearestOrEven) : 0
            block.storeBytes(of: Int8(max(-127, min(127, code))), toByteOffset: 2 + index, as: Int8.self)
        }
    }

    /// The scale makes the number of the greatest magnitude −8, the only end that a number of four bits reaches.
    private static func storeQ40(_ numbers: UnsafeBufferPointer<Float>, _ block: UnsafeMutableRawPointer) {
        let extreme = numbers.reduce(0) { abs($1) > abs($0) ? $1 : $0 }
        let scale = scaleBits(extreme / -8, of: numbers)
        block.storeBytes(of: scale, as: UInt16.self)
        let rounded = Float16Storage.widen(scale)
        func code(_ number: Float) -> UInt8 {
            rounded.magnitude > 0 ? UInt8(max(-8, min(7, (number / rounded).rounded(.toNearestOrEven))) + 8) : 8
        }
        for index in 0..<16 {
            let byte = code(numbers[index]) | code(numbers[index + 16]) << 4
            block.storeBytes(of: byte, toByteOffset: 2 + index, as: UInt8.self)
        }
    }

    /// The scale of a block, rounded to 16 bits; NaN if one of the numbers isn't finite.
    private static func scaleBits(_ scale: Float, of numbers: UnsafeBufferPointer<Float>) -> UInt16 {
        numbers.allSatisfy { $0.isFinite } ? halfBits(scale) : 0x7e00
    }

    /// A float rounded to IEEE binary16, to nearest and ties to even; at most the greatest finite number.
    package static func halfBits(_ value: Float) -> UInt16 {
        let sign = UInt16(truncatingIfNeeded: value.bitPattern >> 16 & 0x8000)
        let magnitude = min(abs(value), 65504)
        // Below 2⁻¹⁴, numbers are multiples of 2⁻²⁴.
        if magnitude < 0x1p-14 { return sign | UInt16((magnitude * 0x1p24).rounded(.toNearestOrEven)) }
        let bits = magnitude.bitPattern
        let rounded = (bits + 0xfff + (bits >> 13 & 1)) >> 13
        return sign | UInt16(truncatingIfNeeded: rounded - (112 << 10))
    }
}
