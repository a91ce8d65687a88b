/// The search for the scales of a block of Q4_K: 256 numbers in eight groups of 32.
///
/// A number is d · s · code − m · t, where d and m are of 16 bits and belong to the block, s and t are of 6 bits and belong
/// to the group, and a code is one of 0 to 15. The block that simple rounding gives is improved step by step, and a step
/// counts only if it lowers the sum of squared errors. So that is never greater than with simple rounding.
struct Q4KBlock {
    static let (length, byteCount, groupCount) = (256, 144, 8)
    private static let greatest = Float(15)
    private static let largestScale = Float(63)

    /// d and m, as bits.
    private(set) var scaleBits: UInt16 = 0
    private(set) var minimumBits: UInt16 = 0
    /// s and t.
    private(set) var scales = SIMD8<UInt8>.zero
    private(set) var minima = SIMD8<UInt8>.zero
    /// The sum of squared errors.
    private(set) var squaredError = Float.infinity

    /// A scale and a minimum of a group, before they are rounded.
    private struct Fit {
        var scale: Float
        var minimum: Float
    }

    /// Finds scales for 256 finite numbers.
    init(_ numbers: UnsafePointer<Float>) {
        var (simple, found) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
        var (simpleMinima, foundMinima) = (simple, found)
        for index in 0..<Self.groupCount {
            let group = Self.group(numbers, index)
            let plain = Self.plainFit(group)
            let best = Self.bestFit(group, plain)
            (simple[index], simpleMinima[index]) = (plain.scale, plain.minimum)
            (found[index], foundMinima[index]) = (best.scale, best.minimum)
        }
        round(simple, simpleMinima, numbers)
        var other = self
        other.round(found, foundMinima, numbers)
        other.improve(numbers)
        if other.squaredError < squaredError { self = other } else { improve(numbers) }
    }

    /// The block of simple rounding: in each group, the codes reach from the least number, or 0, to the greatest.
    init(simply numbers: UnsafePointer<Float>) {
        var (scales, minima) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
        for index in 0..<Self.groupCount {
            let fit = Self.plainFit(Self.group(numbers, index))
            (scales[index], minima[index]) = (fit.scale, fit.minimum)
        }
        round(scales, minima, numbers)
    }

    private static func group(_ numbers: UnsafePointer<Float>, _ index: Int) -> VectorGroup {
        VectorGroup(numbers + 32 * index, count: 32)
    }

    private static func plainFit(_ group: VectorGroup) -> Fit {
        let (least, greatest) = group.bounds
        let low = min(least, 0)
        return Fit(scale: (max(greatest, low) - low) / Self.greatest, minimum: -low)
    }

    /// Tries codes that reach less far at either end, and some that don't use all of theirs: least squares give the scale
    /// and the minimum for the codes.
    private static func bestFit(_ group: VectorGroup, _ plain: Fit) -> Fit {
        guard plain.scale > 0 else { return plain }
        var (best, leastError) = (plain, Float.infinity)
        func tryCodes(_ inverse: Float, _ minimum: Float) {
            let sums = group.sums(inverse: inverse, minimum: minimum, 0, greatest)
            guard let (fit, error) = fit(sums, count: Float(group.count), minimum), error < leastError else { return }
            (best, leastError) = (fit, error)
        }
        let high = greatest * plain.scale - plain.minimum
        for lowStep in 0..<4 {
            let minimum = plain.minimum * (1 - 0.06 * Float(lowStep))
            for highStep in 0..<4 {
                let range = high * (1 - 0.06 * Float(highStep)) + minimum
                if range > 0 { tryCodes(greatest / range, minimum) }
            }
        }
        // Numbers that were rounded before may lie on such a grid exactly.
        for count in 11...14 { tryCodes(Float(count) / (greatest * plain.scale), plain.minimum) }
        // The fit gives other codes, and these another fit, until that doesn't help any more.
        for _ in 0..<4 {
            let sums = group.sums(inverse: 1 / best.scale, minimum: best.minimum, 0, greatest)
            guard let (fit, error) = fit(sums, count: Float(group.count), best.minimum), error < leastError else {
                break
            }
            (best, leastError) = (fit, error)
        }
        return best
    }

    /// Least squares for given codes, and the sum of squared errors.
    ///
    /// - Parameter shift: What has been added to the numbers. A minimum below 0 can't be stored, so 0 is the best then.
    private static func fit(_ sums: VectorGroup.Sums, count: Float, _ shift: Float) -> (Fit, Float)? {
        let determinant = count * sums.squaredCodes - sums.codes * sums.codes
        guard determinant > 0 else { return nil }
        var scale = (count * sums.products - sums.codes * sums.numbers) / determinant
        var minimum = (scale * sums.codes - sums.numbers) / count
        if minimum < -shift {
            minimum = -shift
            scale = (sums.products + minimum * sums.codes) / sums.squaredCodes
        }
        guard scale > 0 else { return nil }
        let error =
            sums.squares - 2 * scale * sums.products + 2 * minimum * sums.numbers
            + scale * scale * sums.squaredCodes - 2 * scale * minimum * sums.codes + count * minimum * minimum
        return (Fit(scale: scale, minimum: minimum + shift), error)
    }

    /// Takes the groups' scales and minima, rounded.
    private mutating func round(
        _ wanted: SIMD8<Float>, _ wantedMinima: SIMD8<Float>, _ numbers: UnsafePointer<Float>
    ) {
        let scale = Half.rounded(wanted.max() / Self.largestScale)
        let minimum = Half.rounded(wantedMinima.max() / Self.largestScale)
        (scaleBits, minimumBits, squaredError) = (scale.bits, minimum.bits, 0)
        for index in 0..<Self.groupCount {
            scales[index] = Self.code(wanted[index], scale.value)
            minima[index] = Self.code(wantedMinima[index], minimum.value)
            squaredError += error(of: index, numbers, scale.value, minimum.value, scales[index], minima[index])
        }
    }

    private static func code(_ value: Float, _ unit: Float) -> UInt8 {
        unit > 0 ? UInt8(min(max((value / unit).rounded(), 0), largestScale)) : 0
    }

    private func error(
        of index: Int, _ numbers: UnsafePointer<Float>, _ scale: Float, _ minimum: Float, _ s: UInt8, _ t: UInt8
    ) -> Float {
        Self.group(numbers, index)
            .squaredError(scale: scale * Float(s), minimum: minimum * Float(t), 0, Self.greatest)
    }

    /// Looks for better scales of the groups near those at hand, and for a better d and m with them, until that doesn't
    /// help any more.
    private mutating func improve(_ numbers: UnsafePointer<Float>) {
        for _ in 0..<3 {
            let before = squaredError
            refineGroups(numbers)
            refineUnits(numbers)
            guard squaredError < 0.99 * before else { return }
        }
    }

    private mutating func refineGroups(_ numbers: UnsafePointer<Float>) {
        let (scale, minimum) = (Half.value(scaleBits), Half.value(minimumBits))
        squaredError = 0
        for index in 0..<Self.groupCount {
            let (s, t) = (Int(scales[index]), Int(minima[index]))
            var least = error(of: index, numbers, scale, minimum, UInt8(s), UInt8(t))
            for near in max(s - 1, 0)...min(s + 1, 63) {
                for nearMinimum in max(t - 1, 0)...min(t + 1, 63) where near != s || nearMinimum != t {
                    let error = error(of: index, numbers, scale, minimum, UInt8(near), UInt8(nearMinimum))
                    guard error < least else { continue }
                    (least, scales[index], minima[index]) = (error, UInt8(near), UInt8(nearMinimum))
                }
            }
            squaredError += least
        }
    }

    /// Least squares for d and m, with the groups' scales and the codes as they are.
    private mutating func refineUnits(_ numbers: UnsafePointer<Float>) {
        let (scale, minimum) = (Half.value(scaleBits), Half.value(minimumBits))
        var (uu, uv, vv, ux, vx) = (0.0, 0.0, 0.0, 0.0, 0.0)
        for index in 0..<Self.groupCount where scales[index] > 0 && scale > 0 {
            let (s, t) = (Float(scales[index]), Float(minima[index]))
            let sums = Self.group(numbers, index)
                .sums(inverse: 1 / (scale * s), minimum: minimum * t, 0, Self.greatest)
            // The sums are those of numbers to which the minimum has been added.
            let shift = minimum * t
            uu += Double(s * s * sums.squaredCodes)
            uv += Double(s * t * sums.codes)
            vv += Double(32 * t * t)
            ux += Double(s * (sums.products - shift * sums.codes))
            vx += Double(t * (sums.numbers - 32 * shift))
        }
        let determinant = uu * vv - uv * uv
        var other = self
        if determinant > 1e-9 * uu * vv {
            let unit = (ux * vv - uv * vx) / determinant
            let minimumUnit = (uv * ux - uu * vx) / determinant
            guard unit > 0, minimumUnit >= 0 else { return }
            other.scaleBits = Half.rounded(Float(unit)).bits
            other.minimumBits = Half.rounded(Float(minimumUnit)).bits
        } else {
            guard vv == 0, uu > 0, ux > 0 else { return }
            other.scaleBits = Half.rounded(Float(ux / uu)).bits
        }
        let (newScale, newMinimum) = (Half.value(other.scaleBits), Half.value(other.minimumBits))
        other.squaredError = 0
        for index in 0..<Self.groupCount {
            other.squaredError += error(of: index, numbers, newScale, newMinimum, scales[index], minima[index])
        }
        if other.squaredError < squaredError { self = other }
    }

    /// Writes the block.
    func store(_ numbers: UnsafePointer<Float>, _ block: UnsafeMutableRawPointer) {
        block.storeBytes(of: scaleBits.littleEndian, as: UInt16.self)
        block.storeBytes(of: minimumBits.littleEndian, toByteOffset: 2, as: UInt16.self)
        // The first four groups' scales and minima take six bits of a byte each. Those of the last four are split: four
        // bits in bytes of their own, and two above the six of the others.
        for index in 0..<4 {
            let high = index + 4
            let bytes = [
                (4 + index, scales[index] | (scales[high] >> 4) << 6),
                (8 + index, minima[index] | (minima[high] >> 4) << 6),
                (12 + index, scales[high] & 15 | minima[high] << 4),
            ]
            for (offset, byte) in bytes { block.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self) }
        }
        let (scale, minimum) = (Half.value(scaleBits), Half.value(minimumBits))
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Self.length) { codes in
            guard let first = codes.baseAddress else { return }
            for index in 0..<Self.groupCount {
                Self.group(numbers, index).store(
                    scale: scale * Float(scales[index]), minimum: minimum * Float(minima[index]), 0, Self.greatest,
                    first + 32 * index)
            }
            // A byte has the codes of two neighbouring groups.
            for index in 0..<128 {
                let place = 64 * (index / 32) + index % 32
                block.storeBytes(
                    of: first[place] | first[place + 32] << 4, toByteOffset: 16 + index, as: UInt8.self)
            }
        }
    }
}
