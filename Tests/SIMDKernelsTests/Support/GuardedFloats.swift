import Foundation
import Synchronization

/// Floats between two bands of a bit pattern that no kernel writes, at an address that is aligned to 4 bytes only.
///
/// Whatever the test doesn't set is NaN, so that a kernel which reads memory that it didn't write, or fails to write
/// what it should, shows in the results.
final class GuardedFloats {
    /// Whether floats end at a page that can't be touched instead of a band, so that even a read past their end stops
    /// the process. For processes that run one test.
    static let areFenced = Atomic(false)

    let pointer: UnsafeMutablePointer<Float>
    let count: Int
    private let memory: UnsafeMutableRawPointer
    private let fence: UnsafeMutableRawPointer?

    /// Longer than a tile's row of 32 floats, so that a store past the end lands inside. An odd number, which makes the
    /// address as unaligned as floats can be.
    private static let bandLength = 97
    /// A signalling NaN with a payload: arithmetic never gives one.
    private static let pattern: UInt32 = 0x7fa5_a5a5

    init(count: Int, filledWith value: Float = .nan) {
        self.count = count
        let length = count + Self.bandLength
        if Self.areFenced.load(ordering: .relaxed) {
            let page = Int(getpagesize())
            let size = (length * 4 + page - 1) / page * page
            let map = mmap(nil, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0)
            guard let map, map != MAP_FAILED, mprotect(map + size, page, PROT_NONE) == 0 else {
                preconditionFailure("no memory for a fence")
            }
            fence = map + size
            memory = map + size - length * 4
        } else {
            fence = nil
            memory = .allocate(byteCount: (length + Self.bandLength) * 4, alignment: 64)
        }
        let words = memory.bindMemory(to: UInt32.self, capacity: length)
        words.update(repeating: Self.pattern, count: fence == nil ? length + Self.bandLength : length)
        pointer = (memory + Self.bandLength * 4).assumingMemoryBound(to: Float.self)
        pointer.update(repeating: value, count: count)
    }

    convenience init(_ values: [Float]) {
        self.init(count: values.count)
        for (index, value) in values.enumerated() { pointer[index] = value }
    }

    // Fenced memory is left to the end of its process.
    deinit { if fence == nil { memory.deallocate() } }

    var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// Whether nothing was written outside of the floats.
    var isContained: Bool {
        let words = memory.assumingMemoryBound(to: UInt32.self)
        let front = UnsafeBufferPointer(start: words, count: Self.bandLength)
        let back = UnsafeBufferPointer(
            start: words + Self.bandLength + count, count: fence == nil ? Self.bandLength : 0)
        return front.allSatisfy { $0 == Self.pattern } && back.allSatisfy { $0 == Self.pattern }
    }
}

/// The first place where two results differ in a bit: NaN payloads and the sign of zero count. (`==` in an expectation
/// would work out the whole difference of two arrays when they differ, which takes minutes for long ones.)
func firstDifference(_ actual: [Float], _ expected: [Float]) -> Int? {
    if actual.count != expected.count { return min(actual.count, expected.count) }
    return actual.indices.first { actual[$0].bitPattern != expected[$0].bitPattern }
}
