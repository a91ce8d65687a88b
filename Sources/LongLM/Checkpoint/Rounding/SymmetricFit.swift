/// The search for a scale of numbers whose codes reach from −n to n − 1: those of Q5_0 and of the groups of Q6_K.
enum SymmetricFit {
    /// The scale of simple rounding: it makes the number of the greatest magnitude −n, the only end that reaches so far.
    static func plain(_ group: VectorGroup, _ n: Float) -> Float { group.extreme / -n }

    /// Tries finer and coarser steps: each gives codes, and least squares give the scale for them.
    ///
    /// - Parameter rounded: What a scale becomes when it is stored.
    /// - Returns: the scale, as it was before it is stored, and the sum of squared errors.
    static func best(
        _ group: VectorGroup, _ n: Float, rounded: (Float) -> Float = { $0 }
    ) -> (scale: Float, squaredError: Float) {
        let plain = plain(group, n)
        guard plain != 0 else { return (0, 0) }
        // For codes q of numbers x and the best scale for them, the sum of squared errors is Σx² − (Σqx)²/Σq².
        var (scale, greatest) = (plain, -Float.infinity)
        for step in -4...6 {
            // The other sign has its turn too: the far end may suit the other side's numbers better.
            for sign: Float in [1, -1] {
                let inverse = sign * (n + 0.25 * Float(step)) / (n * plain)
                let sums = group.sums(inverse: inverse, minimum: 0, -n, n - 1)
                guard sums.squaredCodes > 0, sums.products != 0 else { continue }
                let gain = sums.products * sums.products / sums.squaredCodes
                if gain > greatest { (scale, greatest) = (sums.products / sums.squaredCodes, gain) }
            }
        }
        // The scale gives other codes, and these another scale, until that doesn't help any more.
        for _ in 0..<3 {
            let sums = group.sums(inverse: 1 / scale, minimum: 0, -n, n - 1)
            guard sums.squaredCodes > 0, sums.products != 0 else { break }
            let gain = sums.products * sums.products / sums.squaredCodes
            guard gain > greatest else { break }
            (scale, greatest) = (sums.products / sums.squaredCodes, gain)
        }
        func error(_ scale: Float) -> Float { group.squaredError(scale: rounded(scale), minimum: 0, -n, n - 1) }
        let (plainError, found) = (error(plain), error(scale))
        return found < plainError ? (scale, found) : (plain, plainError)
    }
}

/// The block of Q5_0: 32 numbers, a scale of 16 bits and codes from −16 to 15.
enum Q50Block {
    static let (length, byteCount) = (32, 22)

    /// Writes the block of 32 finite numbers.
    ///
    /// - Returns: the sum of squared errors.
    static func store(_ numbers: UnsafePointer<Float>, _ block: UnsafeMutableRawPointer) -> Float {
        let group = VectorGroup(numbers, count: length)
        let best = SymmetricFit.best(group, 16) { Half.rounded($0).value }
        let scale = Half.rounded(best.scale)
        block.storeBytes(of: scale.bits.littleEndian, as: UInt16.self)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: length) { codes in
            guard let first = codes.baseAddress else { return }
            group.store(scale: scale.value, minimum: 0, -16, 15, first)
            var high: UInt32 = 0
            for index in 0..<length { high |= UInt32(first[index] >> 4) << UInt32(index) }
            block.storeBytes(of: high.littleEndian, toByteOffset: 2, as: UInt32.self)
            for index in 0..<16 {
                let byte = first[index] & 15 | first[index + 16] << 4
                block.storeBytes(of: byte, toByteOffset: 6 + index, as: UInt8.self)
            }
        }
        return best.squaredError
    }
}

/// The search for the scales of a block of Q6_K: 256 numbers in 16 groups of 16.
///
/// A number is d · s · code, where d is of 16 bits and belongs to the block, s is of 8 bits and belongs to the group, and a
/// code is one of −32 to 31. As in ``Q4KBlock``, the result is never worse than simple rounding.
struct Q6KBlock {
    static let (length, byteCount, groupCount) = (256, 210, 16)
    private static let n = Float(32)

    /// d, as bits.
    private(set) var scaleBits: UInt16 = 0
    /// s.
    private(set) var scales = SIMD16<Int8>.zero
    /// The sum of squared errors.
    private(set) var squaredError = Float.infinity

    /// Finds scales for 256 finite numbers.
    init(_ numbers: UnsafePointer<Float>) {
        self.init(simply: numbers)
        var found = SIMD16<Float>.zero
        for index in 0..<Self.groupCount {
            found[index] = SymmetricFit.best(Self.group(numbers, index), Self.n).scale
        }
        var other = self
        other.round(found, numbers)
        other.improve(numbers)
        if other.squaredError < squaredError { self = other } else { improve(numbers) }
    }

    /// The block of simple rounding.
    init(simply numbers: UnsafePointer<Float>) {
        var wanted = SIMD16<Float>.zero
        for index in 0..<Self.groupCount {
            wanted[index] = SymmetricFit.plain(Self.group(numbers, index), Self.n)
        }
        round(wanted, numbers)
    }

    private static func group(_ numbers: UnsafePointer<Float>, _ index: Int) -> VectorGroup {
        VectorGroup(numbers + 16 * index, count: 16)
    }

    /// Takes the groups' scales, rounded. That of the greatest magnitude becomes −128.
    private mutating func round(_ wanted: SIMD16<Float>, _ numbers: UnsafePointer<Float>) {
        let extreme = -wanted.min() > wanted.max() ? wanted.min() : wanted.max()
        let scale = Half.rounded(extreme / -128)
        (scaleBits, squaredError) = (scale.bits, 0)
        for index in 0..<Self.groupCount {
            scales[index] = scale.value == 0 ? 0 : Int8(min(max((wanted[index] / scale.value).rounded(), -128), 127))
            squaredError += error(of: index, numbers, scale.value, scales[index])
        }
    }

    private func error(of index: Int, _ numbers: UnsafePointer<Float>, _ scale: Float, _ s: Int8) -> Float {
        Self.group(numbers, index).squaredError(scale: scale * Float(s), minimum: 0, -Self.n, Self.n - 1)
    }

    private mutating func improve(_ numbers: UnsafePointer<Float>) {
        for _ in 0..<3 {
            let before = squaredError
            refineGroups(numbers)
            refineUnit(numbers)
            guard squaredError < 0.99 * before else { return }
        }
    }

    private mutating func refineGroups(_ numbers: UnsafePointer<Float>) {
        let scale = Half.value(scaleBits)
        squaredError = 0
        for index in 0..<Self.groupCount {
            let s = Int(scales[index])
            var least = error(of: index, numbers, scale, Int8(s))
            for near in max(s - 1, -128)...min(s + 1, 127) where near != s {
                let error = error(of: index, numbers, scale, Int8(near))
                if error < least { (least, scales[index]) = (error, Int8(near)) }
            }
            squaredError += least
        }
    }

    /// Least squares for d, with the groups' scales and the codes as they are.
    private mutating func refineUnit(_ numbers: UnsafePointer<Float>) {
        let scale = Half.value(scaleBits)
        var (uu, ux) = (0.0, 0.0)
        for index in 0..<Self.groupCount where scales[index] != 0 && scale != 0 {
            let s = Float(scales[index])
            let sums = Self.group(numbers, index).sums(inverse: 1 / (scale * s), minimum: 0, -Self.n, Self.n - 1)
            uu += Double(s * s * sums.squaredCodes)
            ux += Double(s * sums.products)
        }
        guard uu > 0 else { return }
        var other = self
        let unit = Half.rounded(Float(ux / uu))
        (other.scaleBits, other.squaredError) = (unit.bits, 0)
        for index in 0..<Self.groupCount { other.squaredError += error(of: index, numbers, unit.value, scales[index]) }
        if other.squaredError < squaredError { self = other }
    }

    /// Writes the block.
    func store(_ numbers: UnsafePointer<Float>, _ block: UnsafeMutableRawPointer) {
        let scale = Half.value(scaleBits)
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.length) { codes in
            guard let first = codes.baseAddress else { return }
            for index in 0..<Self.groupCount {
                Self.group(numbers, index).store(
                    scale: scale * Float(scales[index]), minimum: 0, -Self.n, Self.n - 1, first + 16 * index)
                block.storeBytes(of: scales[index], toByteOffset: 192 + index, as: Int8.self)
            }
            for half in 0..<2 {
                let codes = first + 128 * half
                // Four bits of each code: a byte has those of numbers that lie 64 apart.
                for index in 0..<64 {
                    block.storeBytes(
                        of: codes[index] & 15 | codes[index + 64] << 4, toByteOffset: 64 * half + index,
                        as: UInt8.self)
                }
                // Two bits of each: a byte has those of four numbers that lie 32 apart.
                for index in 0..<32 {
                    var byte: UInt8 = 0
                    for part in 0..<4 { byte |= (codes[32 * part + index] >> 4) << UInt8(2 * part) }
                    block.storeBytes(of: byte, toByteOffset: 128 + 32 * half + index, as: UInt8.self)
                }
            }
        }
        block.storeBytes(of: scaleBits.littleEndian, toByteOffset: 208, as: UInt16.self)
    }
}
