import SIMDKernels

/// Up to 32 numbers that share a scale, as vectors of eight.
///
/// All that searches do with numbers is here: it's what takes the time.
struct VectorGroup {
    typealias Vector = SIMD8<Float>

    private let numbers: UnsafePointer<Float>
    private let vectorCount: Int

    /// - Parameters:
    ///   - numbers: Where they are.
    ///   - count: A multiple of 8.
    init(_ numbers: UnsafePointer<Float>, count: Int) {
        self.numbers = numbers
        vectorCount = count / 8
    }

    /// How many numbers there are.
    var count: Int { 8 * vectorCount }

    @inline(__always)
    private subscript(index: Int) -> Vector {
        UnsafeRawPointer(numbers).loadUnaligned(fromByteOffset: 32 * index, as: Vector.self)
    }

    /// The nearest whole numbers, ties to even, of numbers far below 2²².
    @inline(__always)
    private static func rounded(_ vector: Vector, _ low: Float, _ high: Float) -> Vector {
        let bounded = vector.replacing(with: low, where: vector .< low)
        // A sum with 1.5 · 2²³ has no room for a fraction.
        return bounded.replacing(with: high, where: bounded .> high) + 12_582_912 - 12_582_912
    }

    /// The least and the greatest number.
    var bounds: (least: Float, greatest: Float) {
        var (least, greatest) = (self[0], self[0])
        for index in 1..<vectorCount {
            let vector = self[index]
            least = least.replacing(with: vector, where: vector .< least)
            greatest = greatest.replacing(with: vector, where: vector .> greatest)
        }
        return (least.min(), greatest.max())
    }

    /// The number of the greatest magnitude.
    var extreme: Float {
        let (least, greatest) = bounds
        return -least > greatest ? least : greatest
    }

    /// What codes times `scale` minus `minimum`, with the best codes from `low` to `high`, miss: the sum of squares. All
    /// codes are 0 if the scale is.
    @inline(__always)
    func squaredError(scale: Float, minimum: Float, _ low: Float, _ high: Float) -> Float {
        let inverse = scale == 0 ? 0 : 1 / scale
        var sum = Vector.zero
        for index in 0..<vectorCount {
            let vector = self[index]
            let codes = Self.rounded((vector + minimum) * inverse, low, high)
            let error = vector - (codes * scale - minimum)
            sum += error * error
        }
        return sum.total
    }

    /// The sum of the squares.
    var squares: Float {
        var sum = Vector.zero
        for index in 0..<vectorCount { sum += self[index] * self[index] }
        return sum.total
    }

    /// Sums over numbers x, here those of the group and a minimum together, and their codes q.
    struct Sums {
        var codes: Float
        var squaredCodes: Float
        var numbers: Float
        var products: Float
        var squares: Float
    }

    /// The sums for the codes of a scale's inverse and a minimum.
    @inline(__always)
    func sums(inverse: Float, minimum: Float, _ low: Float, _ high: Float) -> Sums {
        var (q, qq, x, qx, xx) = (Vector.zero, Vector.zero, Vector.zero, Vector.zero, Vector.zero)
        for index in 0..<vectorCount {
            let vector = self[index] + minimum
            let codes = Self.rounded(vector * inverse, low, high)
            q += codes
            qq += codes * codes
            x += vector
            qx += codes * vector
            xx += vector * vector
        }
        return Sums(
            codes: q.total, squaredCodes: qq.total, numbers: x.total, products: qx.total, squares: xx.total)
    }

    /// Writes the codes of a scale as signed bytes, and returns the sum of squared errors. Each number is divided by the
    /// scale, as where weights are rounded while they are loaded.
    func storeQuotients(
        _ scale: Float, _ low: Float, _ high: Float, _ codes: UnsafeMutablePointer<Int8>
    ) -> Float {
        var sum = Vector.zero
        for index in 0..<vectorCount {
            let vector = self[index]
            let rounded = scale == 0 ? .zero : Self.rounded(vector / scale, low, high)
            let error = vector - rounded * scale
            sum += error * error
            for lane in 0..<8 { codes[8 * index + lane] = Int8(rounded[lane]) }
        }
        return sum.total
    }

    /// The first number of the greatest magnitude.
    var firstExtreme: Float {
        let (least, greatest) = bounds
        if least == 0, greatest == 0 { return 0 }
        if -least == greatest { return (0..<count).lazy.map { numbers[$0] }.first { abs($0) == greatest } ?? 0 }
        return -least > greatest ? least : greatest
    }

    /// Writes the codes of a scale and a minimum, each less `low`, so that none is negative.
    func store(scale: Float, minimum: Float, _ low: Float, _ high: Float, _ codes: UnsafeMutablePointer<UInt8>) {
        let inverse = scale == 0 ? 0 : 1 / scale
        for index in 0..<vectorCount {
            let rounded = Self.rounded((self[index] + minimum) * inverse, low, high) - low
            for lane in 0..<8 { codes[8 * index + lane] = UInt8(rounded[lane]) }
        }
    }
}

extension SIMD8<Float> {
    /// The sum, in pairs: one after the other would take longer than all the rest.
    @inline(__always)
    fileprivate var total: Float {
        let four = lowHalf + highHalf
        let two = four.lowHalf + four.highHalf
        return two.x + two.y
    }
}

/// Numbers of 16 bits, as blocks hold their scales.
enum Half {
    /// What a scale is when it has been rounded; the bits and the number.
    static func rounded(_ value: Float) -> (bits: UInt16, value: Float) {
        let bits = WeightQuantizer.halfBits(value)
        return (bits, Self.value(bits))
    }

    /// The number of some bits; it is finite.
    static func value(_ bits: UInt16) -> Float {
        // Fraction and exponent move to their places; the exponent's bias is 112 greater there.
        let magnitude = Float(bitPattern: UInt32(bits & 0x7fff) << 13) * 0x1p112
        return bits & 0x8000 == 0 ? magnitude : -magnitude
    }

    /// A number that isn't one: blocks with numbers that aren't finite get it as their scale, so that it shows.
    static let nan: UInt16 = 0x7e00
}
