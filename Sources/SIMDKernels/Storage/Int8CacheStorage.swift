import CLongLM

/// Keys and values in signed bytes: of every 32 components, the greatest magnitude becomes 127, and each is rounded to the
/// nearest integer, ties to even. Their scale, that magnitude over 127, is rounded to bfloat16 beforehand.
///
/// A code times its scale is exact in 32 bits. A scale of eight significant bits is so near to what it rounds that the
/// greatest code is always 127; so what is loaded and stored again keeps its bits.
enum Int8CacheStorage: CacheStorage {
    typealias Keys = Int8Keys
    typealias Values = Int8Values

    /// The components that share a scale.
    @inline(always) static var groupLength: Int { 32 }
    @inline(always) static var isPrefetched: Bool { true }
    /// The codes of a word.
    @inline(always) static var codesPerWord: Int { 4 }

    @inline(always)
    static func valueBlockWordCount(stride: Int) -> Int { stride / groupLength * Int8Values.groupWordCount }

    @inline(always)
    static func valueOffset(position: Int, stride: Int) -> Int {
        position / Int8Values.blockLength * valueBlockWordCount(stride: stride)
    }

    static func keyPanelWordCount(headDimension: Int) -> Int {
        let (groups, rest) = headDimension.quotientAndRemainder(dividingBy: groupLength)
        let restWords =
            rest == 0 ? 0 : Int8Keys.scaleWordCount + (rest + 3) / codesPerWord * AttentionShape.panelLength
        return groups * Int8Keys.blockWordCount + restWords
    }

    static func valueWordCount(count: Int, stride: Int) -> Int { valueOffset(position: count, stride: stride) }

    static func storeKey(
        _ key: UnsafePointer<Float>, headDimension: Int, in panel: UnsafeMutablePointer<Float>, place: Int
    ) {
        forEachGroup(of: headDimension) { first, count in
            let block = UnsafeMutableRawPointer(panel + first / groupLength * Int8Keys.blockWordCount)
            let scale = scale(of: key + first, count: count)
            let inverse = inverse(scale)
            block.storeBytes(of: bits(scale), toByteOffset: Int8Keys.scaleOffset(place), as: UInt16.self)
            for d in 0..<count {
                block.storeBytes(
                    of: Int8Keys.byte(code(key[first + d], inverse)),
                    toByteOffset: Int8Keys.codeOffset(place, component: d), as: UInt8.self)
            }
        }
    }

    static func loadKey(
        _ key: UnsafeMutablePointer<Float>, headDimension: Int, from panel: UnsafePointer<Float>, place: Int
    ) {
        forEachGroup(of: headDimension) { first, count in
            let block = UnsafeRawPointer(panel + first / groupLength * Int8Keys.blockWordCount)
            let scale = scale(block.load(fromByteOffset: Int8Keys.scaleOffset(place), as: UInt16.self))
            for d in 0..<count {
                let byte = block.load(fromByteOffset: Int8Keys.codeOffset(place, component: d), as: UInt8.self)
                key[first + d] = Float(Int8Keys.code(byte)) * scale
            }
        }
    }

    static func storeValue(
        _ value: UnsafePointer<Float>, headDimension: Int, in values: UnsafeMutablePointer<Float>, place: Int,
        stride: Int
    ) {
        let block = values + valueOffset(position: place, stride: stride)
        let place = place % Int8Values.blockLength
        forEachGroup(of: stride) { first, _ in
            let group = UnsafeMutableRawPointer(block + first / groupLength * Int8Values.groupWordCount)
            let count = lesser(headDimension - first, groupLength)
            let scale = scale(of: value + first, count: count)
            let inverse = inverse(scale)
            group.storeBytes(of: bits(scale), toByteOffset: Int8Values.scaleOffset(place), as: UInt16.self)
            for d in 0..<groupLength {
                group.storeBytes(
                    of: d < count ? code(value[first + d], inverse) : 0,
                    toByteOffset: Int8Values.codeOffset(place, component: d), as: Int8.self)
            }
        }
    }

    static func loadValue(
        _ value: UnsafeMutablePointer<Float>, headDimension: Int, from values: UnsafePointer<Float>, place: Int,
        stride: Int
    ) {
        let block = values + valueOffset(position: place, stride: stride)
        let place = place % Int8Values.blockLength
        forEachGroup(of: headDimension) { first, count in
            let group = UnsafeRawPointer(block + first / groupLength * Int8Values.groupWordCount)
            let scale = scale(group.load(fromByteOffset: Int8Values.scaleOffset(place), as: UInt16.self))
            for d in 0..<count {
                let code = group.load(fromByteOffset: Int8Values.codeOffset(place, component: d), as: Int8.self)
                value[first + d] = Float(code) * scale
            }
        }
    }
}

// MARK: Files

/// For every group its scale, and then its codes.
extension Int8CacheStorage {
    static func encode(_ numbers: UnsafePointer<Float>, headDimension: Int, to bytes: UnsafeMutableRawPointer) {
        forEachGroup(of: headDimension) { first, count in
            let group = bytes + first / groupLength * (groupLength + 2)
            let scale = scale(of: numbers + first, count: count)
            let inverse = inverse(scale)
            group.storeBytes(of: bits(scale).littleEndian, as: UInt16.self)
            for d in 0..<count {
                group.storeBytes(of: code(numbers[first + d], inverse), toByteOffset: 2 + d, as: Int8.self)
            }
        }
    }

    static func decode(_ bytes: UnsafeRawPointer, headDimension: Int, to numbers: UnsafeMutablePointer<Float>) {
        forEachGroup(of: headDimension) { first, count in
            let group = bytes + first / groupLength * (groupLength + 2)
            let scale = scale(UInt16(littleEndian: group.loadUnaligned(as: UInt16.self)))
            for d in 0..<count {
                numbers[first + d] = Float(group.load(fromByteOffset: 2 + d, as: Int8.self)) * scale
            }
        }
    }
}

// MARK: Numbers

extension Int8CacheStorage {
    /// Calls a closure with the first component and the length of every group; the last may be shorter.
    @inline(always)
    private static func forEachGroup(of count: Int, _ body: (Int, Int) -> Void) {
        for first in stride(from: 0, to: count, by: groupLength) { body(first, min(groupLength, count - first)) }
    }

    /// The scale of up to 32 numbers: 0 where all codes are 0, NaN where a number is not finite.
    @inline(always)
    static func scale(of numbers: UnsafePointer<Float>, count: Int) -> Float {
        var greatest: Float = 0
        var isFinite = true
        for index in 0..<max(count, 0) {
            let magnitude = numbers[index].magnitude
            isFinite = isFinite && magnitude < .infinity
            greatest = max(greatest, magnitude)
        }
        guard isFinite else { return .nan }
        // What is so small would have a scale without eight significant bits.
        if greatest < 0x1p-100 { return 0 }
        let bits = (greatest / 127).bitPattern
        return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
    }

    /// What numbers are multiplied with: 1 over their scale, and 0 where all codes are 0.
    @inline(always)
    static func inverse(_ scale: Float) -> Float { scale > 0 ? 1 / scale : 0 }

    /// A number's code.
    @inline(always)
    static func code(_ number: Float, _ inverse: Float) -> Int8 {
        guard inverse > 0 else { return 0 }
        // Adding this leaves no bits for a fraction, so that the sum is rounded, ties to even.
        let shift: Float = 12_582_912
        let rounded = number * inverse + shift - shift
        return Int8(max(-127, min(127, rounded)))
    }

    /// A scale as it is stored.
    @inline(always)
    static func bits(_ scale: Float) -> UInt16 { UInt16(scale.bitPattern >> 16) }

    /// A scale that was stored.
    @inline(always)
    static func scale(_ bits: UInt16) -> Float { Float(bitPattern: UInt32(bits) << 16) }
}

// MARK: Words

/// Panels of 32 keys. A block has 32 components: the scales of the keys, two to a word, those of keys 0 and 16 in the first;
/// then words of four neighboring components of one key, with 128 added, as code products read them. A last block of fewer
/// components has fewer words.
enum Int8Keys: PanelStorage {
    @inline(always) static var blockLength: Int { Int8CacheStorage.groupLength }
    @inline(always) static var blockWordCount: Int { scaleWordCount + blockLength / 4 * PackedMatrix.panelWidth }
    @inline(always) static var scaleWordCount: Int { laneCount }

    /// A code as a byte without sign.
    @inline(always)
    static func byte(_ code: Int8) -> UInt8 { UInt8(bitPattern: code) ^ 0x80 }

    /// The code of a byte.
    @inline(always)
    static func code(_ byte: UInt8) -> Int8 { Int8(bitPattern: byte ^ 0x80) }

    /// The byte of a key's scale within a block.
    @inline(always)
    static func scaleOffset(_ place: Int) -> Int { place % laneCount * 4 + place / laneCount * 2 }

    /// The byte of a key's code within a block.
    @inline(always)
    static func codeOffset(_ place: Int, component: Int) -> Int {
        (scaleWordCount + component / 4 * PackedMatrix.panelWidth + place) * 4 + component % 4
    }

    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes {
        let words = word(block, at: row, column: column).lanes(at: 0).flipped(0x8080_8080)
        return words.signedByteAsFloat(column % 4)
            * Int8KeyScales.lanes(block, at: row, column: column, Widen.self)
    }

    @inline(always)
    static func word(_ block: UnsafePointer<Float>, at row: Int, column: Int) -> UnsafePointer<Float> {
        block + scaleWordCount + column / 4 * PackedMatrix.panelWidth + row
    }
}

/// The scales of a block of ``Int8Keys``.
enum Int8KeyScales: PanelStorage {
    @inline(always) static var blockLength: Int { Int8Keys.blockLength }
    @inline(always) static var blockWordCount: Int { Int8Keys.blockWordCount }

    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes {
        let pairs = block.lanes(at: 0)
        return row == 0 ? pairs.lowBFloat16 : pairs.highBFloat16
    }
}

/// Blocks of the values of 32 neighboring positions. For every 32 components they have the scales of the positions, two to a
/// word, those of positions 0 and 16 in the first; then words of four neighboring positions of one component.
enum Int8Values: PanelStorage {
    @inline(always) static var blockLength: Int { AttentionShape.panelLength }
    /// Of 32 components; a kernel knows how many groups there are.
    @inline(always) static var blockWordCount: Int { groupWordCount }
    @inline(always) static var groupWordCount: Int {
        scaleWordCount + blockLength / 4 * Int8CacheStorage.groupLength
    }
    @inline(always) static var scaleWordCount: Int { laneCount }

    /// The byte of a position's scale within a group.
    @inline(always)
    static func scaleOffset(_ place: Int) -> Int { place % laneCount * 4 + place / laneCount * 2 }

    /// The byte of a position's code within a group.
    @inline(always)
    static func codeOffset(_ place: Int, component: Int) -> Int {
        (scaleWordCount + place / 4 * Int8CacheStorage.groupLength + component) * 4 + place % 4
    }

    @inline(always)
    static func lanes<Widen: Widening>(
        _ block: UnsafePointer<Float>, at row: Int, column: Int, _: Widen.Type
    ) -> Lanes {
        let words = word(block, at: row, column: column).lanes(at: 0)
        let scale = longlm_widen_bfloat16(
            group(block, of: row) + column % laneCount, UInt32(truncatingIfNeeded: column / laneCount))
        return words.signedByteAsFloat(column % 4) * scale
    }

    @inline(always)
    static func word(_ block: UnsafePointer<Float>, at row: Int, column: Int) -> UnsafePointer<Float> {
        let length = Int8CacheStorage.groupLength
        return group(block, of: row) + scaleWordCount + column / 4 * length + row % length
    }

    /// The first word of the group of a component.
    @inline(always)
    private static func group(_ block: UnsafePointer<Float>, of row: Int) -> UnsafePointer<Float> {
        block + row / Int8CacheStorage.groupLength * groupWordCount
    }
}
