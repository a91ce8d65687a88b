/// Floats between two bands of a bit pattern that no kernel writes, at an address that is aligned to 4 bytes only.
///
/// Whatever the test doesn't set is NaN, so that a kernel which reads memory that it didn't write, or fails to write
/// what it should, shows in the results.
final class GuardedFloats {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int
    private let memory: UnsafeMutablePointer<UInt32>

    /// Longer than a tile's row of 32 floats, so that a store past the end lands inside.
    private static let bandLength = 96
    /// A signalling NaN with a payload: arithmetic never gives one.
    private static let pattern: UInt32 = 0x7fa5_a5a5

    init(count: Int, filledWith value: Float = .nan) {
        self.count = count
        // One float more in front makes the address as unaligned as floats can be.
        memory = .allocate(capacity: count + 2 * Self.bandLength + 1)
        memory.initialize(repeating: Self.pattern, count: count + 2 * Self.bandLength + 1)
        pointer = UnsafeMutableRawPointer(memory + Self.bandLength + 1).assumingMemoryBound(to: Float.self)
        pointer.update(repeating: value, count: count)
    }

    convenience init(_ values: [Float]) {
        self.init(count: values.count)
        for (index, value) in values.enumerated() { pointer[index] = value }
    }

    deinit { memory.deallocate() }

    var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

    /// Whether nothing was written outside of the floats.
    var isContained: Bool {
        let front = UnsafeBufferPointer(start: memory, count: Self.bandLength + 1)
        let back = UnsafeBufferPointer(start: memory + Self.bandLength + 1 + count, count: Self.bandLength)
        return front.allSatisfy { $0 == Self.pattern } && back.allSatisfy { $0 == Self.pattern }
    }
}

/// The bits of floats: `==` on them tells NaN payloads and the sign of zero apart.
func bits(_ values: [Float]) -> [UInt32] { values.map(\.bitPattern) }
