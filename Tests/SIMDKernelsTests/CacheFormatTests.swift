import SIMDKernels
import TestSupport
import Testing

/// That a cache gives back what was stored in it.
@Suite("Cache formats")
struct CacheFormatTests {
    /// What a format makes of the numbers of one head.
    private func stored(_ numbers: ArraySlice<Float>, _ format: CacheFormat) -> [Float] {
        switch format {
        case .float32: Array(numbers)
        case .bfloat16: numbers.map(roundedToBFloat16)
        case .int8: roundedToInt8(numbers)
        }
    }

    @Test("A key and a value come out as they were stored", arguments: CacheFormat.allCases, [2, 20, 38, 64])
    func roundTrips(_ format: CacheFormat, _ dimension: Int) {
        let shape = AttentionShape(
            queryHeadCount: 4, keyValueHeadCount: 2, headDimension: dimension, cacheFormat: format)
        let width = 2 * dimension
        // More positions than the ring has, so that later neighbor keys take the places of earlier ones.
        let (count, ringPanelCount) = (AttentionShape.segmentLength, 3)
        var generator = SeededGenerator(seed: 67)
        let segment = GuardedFloats(count: shape.segmentFloatCount, filledWith: staleNumber)
        let ring = GuardedFloats(count: shape.ringFloatCount(panelCount: ringPanelCount), filledWith: staleNumber)
        let keys = GuardedFloats(generator.floats(count * width, limit: 100))
        let neighborKeys = GuardedFloats(generator.floats(count * width, limit: 100))
        let values = GuardedFloats(generator.floats(count * width, limit: 100))
        for position in 0..<count {
            let first = position * width
            shape.storeKey(keys.pointer + first, position: position, segment: segment.pointer)
            shape.storeValue(values.pointer + first, position: position, segment: segment.pointer)
            shape.storeNeighborKey(
                neighborKeys.pointer + first, position: position, ring: ring.pointer, panelCount: ringPanelCount)
        }
        #expect(segment.isContained && ring.isContained)

        func expect(_ loaded: GuardedFloats, _ position: Int, of numbers: GuardedFloats, _ what: String) {
            let heads = stride(from: position * width, to: (position + 1) * width, by: dimension)
            let expected = heads.flatMap { stored(numbers.values[$0..<($0 + dimension)], format) }
            #expect(firstDifference(loaded.values, expected) == nil, "\(what) \(position)")
            #expect(loaded.isContained)
        }
        let oldest = count - shape.ringPositionCount(panelCount: ringPanelCount)
        #expect(oldest > 0)
        for position in 0..<count {
            let key = GuardedFloats(count: width)
            shape.loadKey(position: position, segment: segment.pointer, into: key.pointer)
            expect(key, position, of: keys, "key")
            let value = GuardedFloats(count: width)
            shape.loadValue(position: position, segment: segment.pointer, into: value.pointer)
            expect(value, position, of: values, "value")
            if position < oldest { continue }
            let neighborKey = GuardedFloats(count: width)
            shape.loadNeighborKey(
                position: position, ring: ring.pointer, panelCount: ringPanelCount, into: neighborKey.pointer)
            expect(neighborKey, position, of: neighborKeys, "neighbor key")
        }
    }

    /// What is planned and reported for a cache is counted with this number.
    @Test("The size of a head's numbers is what a segment takes for it", arguments: CacheFormat.allCases)
    func sizes(_ format: CacheFormat) {
        // 64 components fill whole tile columns, so that nothing is padded.
        let shape = AttentionShape(queryHeadCount: 3, keyValueHeadCount: 3, headDimension: 64, cacheFormat: format)
        #expect(shape.segmentFloatCount * 4 == 3 * 2 * AttentionShape.segmentLength * format.byteCount(64))
    }
}
