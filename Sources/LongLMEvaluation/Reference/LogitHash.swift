/// The SHA-256 (FIPS 180-4) of logits as little-endian 32-bit floats, for tests that pin every bit.
public struct LogitHash: Sendable {
    private var hash = SHA256()
    private var rest: [UInt8] = []

    /// The hash of no numbers yet.
    public init() {}

    /// Adds numbers.
    public mutating func add(_ logits: [Float]) {
        add(words: logits.lazy.map { $0.bitPattern })
    }

    /// Adds 32-bit numbers that aren't floats.
    mutating func add(words: some Sequence<UInt32>) {
        for word in words {
            withUnsafeBytes(of: word.littleEndian) { rest.append(contentsOf: $0) }
            if rest.count == SHA256.blockLength {
                hash.add(block: rest)
                rest.removeAll(keepingCapacity: true)
            }
        }
    }

    /// The hash of all numbers that were added, in hexadecimal.
    public func finish() -> String {
        var hash = hash
        return SHA256.hexadecimal(hash.finish(rest: rest))
    }

    /// The hash of `logits`.
    public static func sha256(_ logits: [Float]) -> String {
        var hash = LogitHash()
        hash.add(logits)
        return hash.finish()
    }
}

/// SHA-256 over blocks of 64 bytes. The library has no dependencies, and these lines aren't worth one.
package struct SHA256: Sendable {
    package static let blockLength = 64

    private var state: [UInt32] = firstPrimes(8).map { fractionBits(Double($0).squareRoot()) }
    private var blockCount: UInt64 = 0
    private var schedule = [UInt32](repeating: 0, count: 64)

    package init() {}

    /// Adds one block.
    package mutating func add(block: [UInt8]) {
        precondition(block.count == Self.blockLength, "a block has 64 bytes")
        for index in 0..<16 {
            schedule[index] = block[(4 * index)..<(4 * index + 4)].reduce(0) { $0 << 8 | UInt32($1) }
        }
        for index in 16..<64 {
            let (near, far) = (schedule[index - 2], schedule[index - 15])
            let nearMixed = near.rotated(17) ^ near.rotated(19) ^ near >> 10
            let farMixed = far.rotated(7) ^ far.rotated(18) ^ far >> 3
            schedule[index] = schedule[index - 16] &+ farMixed &+ schedule[index - 7] &+ nearMixed
        }
        var (a, b, c, d) = (state[0], state[1], state[2], state[3])
        var (e, f, g, h) = (state[4], state[5], state[6], state[7])
        for index in 0..<64 {
            let choice = (e & f) ^ (~e & g)
            let sum = h &+ (e.rotated(6) ^ e.rotated(11) ^ e.rotated(25)) &+ choice
            let first = sum &+ Self.roundConstants[index] &+ schedule[index]
            let majority = (a & b) ^ (a & c) ^ (b & c)
            let second = (a.rotated(2) ^ a.rotated(13) ^ a.rotated(22)) &+ majority
            (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
        }
        for (index, value) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= value }
        blockCount += 1
    }

    /// Adds the last, incomplete block and returns the eight words of the hash.
    package mutating func finish(rest: [UInt8]) -> [UInt32] {
        precondition(rest.count < Self.blockLength, "the rest is not a whole block")
        let bitCount = (blockCount * UInt64(Self.blockLength) + UInt64(rest.count)) * 8
        var tail = rest + [0x80]
        while tail.count % Self.blockLength != Self.blockLength - 8 { tail.append(0) }
        withUnsafeBytes(of: bitCount.bigEndian) { tail.append(contentsOf: $0) }
        for start in stride(from: 0, to: tail.count, by: Self.blockLength) {
            add(block: Array(tail[start..<(start + Self.blockLength)]))
        }
        return state
    }

    /// The hash of bytes, in hexadecimal.
    ///
    /// - Parameter finished: Called with ranges of bytes that aren't needed any more.
    static func hash(of bytes: some RandomAccessCollection<UInt8>, finished: ((Range<Int>) -> Void)? = nil) -> String {
        var hash = SHA256()
        let step = 1 << 24
        var rest: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: step) {
            let end = min(start + step, bytes.count)
            let part = Array(bytes.dropFirst(start).prefix(end - start))
            let whole = part.count / blockLength * blockLength
            for block in stride(from: 0, to: whole, by: blockLength) {
                hash.add(block: Array(part[block..<(block + blockLength)]))
            }
            rest = Array(part[whole...])
            finished?(start..<end)
        }
        return hexadecimal(hash.finish(rest: rest))
    }

    fileprivate static func hexadecimal(_ words: [UInt32]) -> String {
        words.map { word in
            let digits = String(word, radix: 16)
            return String(repeating: "0", count: 8 - digits.count) + digits
        }.joined()
    }

    /// The first bits of the fractions of the first 64 primes' cube roots.
    private static let roundConstants = firstPrimes(64).map { prime in cubeRootFraction(of: prime) }

    private static func firstPrimes(_ count: Int) -> [Int] {
        var primes: [Int] = []
        var candidate = 2
        while primes.count < count {
            if primes.allSatisfy({ candidate % $0 != 0 }) { primes.append(candidate) }
            candidate += 1
        }
        return primes
    }

    private static func fractionBits(_ number: Double) -> UInt32 {
        UInt32((number - number.rounded(.down)) * 0x1p32)
    }

    /// ⌊(∛n mod 1) · 2³²⌋. Bisection in integers finds the greatest r with r³ ≤ n · 2⁹⁶; its low 32 bits are the fraction.
    private static func cubeRootFraction(of number: Int) -> UInt32 {
        let target = UInt128(number) << 96
        var (low, high) = (UInt128(0), UInt128(7) << 32)
        while high - low > 1 {
            let middle = (low + high) / 2
            if middle * middle * middle <= target { low = middle } else { high = middle }
        }
        return UInt32(truncatingIfNeeded: low)
    }
}

extension UInt32 {
    fileprivate func rotated(_ count: UInt32) -> UInt32 { self >> count | self << (32 - count) }
}
