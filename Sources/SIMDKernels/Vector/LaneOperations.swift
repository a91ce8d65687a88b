internal import Builtin
import CLongLM

// Each operation on whole vectors is one instruction of the compiler's. The standard library has no arithmetic of whole
// vectors of floats: its operators go lane by lane, and so do its choices between two vectors. The optimiser puts the lanes
// together again, but a kernel then takes many times as long to compile. A function in C is one instruction too, after a
// passage through memory for each argument, which costs as much.
//
// Transparent functions are inlined first of all and leave no variables for the debugger, which would be most of the code.

/// The lanes of a comparison: all bits of a lane are set where it is true.
typealias LaneMask = SIMDMask<SIMD16<Int32>>

extension Lanes {
    /// The vector with other lanes.
    @_transparent
    private func with(_ lanes: Builtin.Vec16xFPIEEE32) -> Lanes {
        var result = self
        result._storage._value = lanes
        return result
    }

    /// The vector with other bits.
    @_transparent
    private func with(bits: Builtin.Vec16xInt32) -> Lanes { with(Builtin.bitcast_Vec16xInt32_Vec16xFPIEEE32(bits)) }

    /// The bits of the lanes.
    @_transparent
    private var bits: Builtin.Vec16xInt32 { Builtin.bitcast_Vec16xFPIEEE32_Vec16xInt32(_storage._value) }

    /// A number in every lane.
    @_transparent
    private static func all(_ number: UInt32) -> Builtin.Vec16xInt32 {
        SIMD16<UInt32>(repeating: number)._storage._value
    }

    /// A number of bits in every lane.
    @_transparent
    private static func all(_ shift: Int) -> Builtin.Vec16xInt32 { all(UInt32(truncatingIfNeeded: shift)) }
}

// MARK: Memory

extension Lanes {
    /// Sixteen floats or words at any address.
    @_transparent
    init(loading source: UnsafePointer<Float>) {
        longlm_note_read(source, 64)
        self = Builtin.loadRaw(source._rawValue)
    }

    /// Writes sixteen floats or words to any address.
    @_transparent
    func store(to target: UnsafeMutablePointer<Float>) {
        longlm_note_write(target, 64)
        Builtin.storeRaw(self, target._rawValue)
    }
}

// MARK: Arithmetic

extension Lanes {
    @_transparent static func + (left: Lanes, right: Lanes) -> Lanes {
        left.with(Builtin.fadd_Vec16xFPIEEE32(left._storage._value, right._storage._value))
    }
    @_transparent static func - (left: Lanes, right: Lanes) -> Lanes {
        left.with(Builtin.fsub_Vec16xFPIEEE32(left._storage._value, right._storage._value))
    }
    @_transparent static func * (left: Lanes, right: Lanes) -> Lanes {
        left.with(Builtin.fmul_Vec16xFPIEEE32(left._storage._value, right._storage._value))
    }
    @_transparent static func / (left: Lanes, right: Lanes) -> Lanes {
        left.with(Builtin.fdiv_Vec16xFPIEEE32(left._storage._value, right._storage._value))
    }
    @_transparent static prefix func - (lanes: Lanes) -> Lanes {
        lanes.with(Builtin.fneg_Vec16xFPIEEE32(lanes._storage._value))
    }

    @_transparent static func + (left: Float, right: Lanes) -> Lanes { Lanes(repeating: left) + right }
    @_transparent static func - (left: Float, right: Lanes) -> Lanes { Lanes(repeating: left) - right }
    @_transparent static func / (left: Float, right: Lanes) -> Lanes { Lanes(repeating: left) / right }
    @_transparent static func - (left: Lanes, right: Float) -> Lanes { left - Lanes(repeating: right) }
    @_transparent static func * (left: Lanes, right: Float) -> Lanes { left * Lanes(repeating: right) }

    @_transparent static func += (left: inout Lanes, right: Lanes) { left = left + right }
    @_transparent static func *= (left: inout Lanes, right: Lanes) { left = left * right }

    /// The product plus `addend`, rounded once. A library call for each lane where the target has no such instruction.
    @_transparent
    func multiplied(by factor: Lanes, adding addend: Lanes) -> Lanes {
        with(Builtin.int_fma_Vec16xFPIEEE32(_storage._value, factor._storage._value, addend._storage._value))
    }

    /// 2^(n − 1) for each lane that holds 1.5 · 2^23 + n with a whole n.
    @_transparent
    var powerOfTwo: Lanes {
        with(bits: Builtin.shl_Vec16xInt32(Builtin.add_Vec16xInt32(bits, Self.all(126 as UInt32)), Self.all(23)))
    }
}

// MARK: Choice

extension Lanes {
    /// The lanes of `other` where the mask is true, these elsewhere.
    @_transparent
    func replacing(with other: Lanes, where mask: LaneMask) -> Lanes {
        let isOther = Builtin.cmp_slt_Vec16xInt32(mask._storage._storage._value, Builtin.zeroInitializer())
        return with(Builtin.select_Vec16xInt1_Vec16xFPIEEE32(isOther, other._storage._value, _storage._value))
    }

    @_transparent
    func replacing(with other: Float, where mask: LaneMask) -> Lanes {
        replacing(with: Lanes(repeating: other), where: mask)
    }

    @_transparent
    mutating func replace(with other: Lanes, where mask: LaneMask) { self = replacing(with: other, where: mask) }

    @_transparent
    mutating func replace(with other: Float, where mask: LaneMask) { self = replacing(with: other, where: mask) }

    /// The greater of two vectors, lane by lane.
    @_transparent
    func maximum(_ other: Lanes) -> Lanes { replacing(with: other, where: other .> self) }
}

// MARK: Words

/// A "word" is 32 bits of a packed matrix: one float, two 16-bit numbers or four bytes, the earlier ones in the lower bits.
extension Lanes {
    /// (words >> shift) & mask.
    @_transparent
    func masked(shift: Int, _ mask: UInt32) -> Lanes {
        with(bits: Builtin.and_Vec16xInt32(Builtin.lshr_Vec16xInt32(bits, Self.all(shift)), Self.all(mask)))
    }

    /// words | ((other >> shift) & mask) << distance.
    @_transparent
    func joined(with other: Lanes, shift: Int, _ mask: UInt32, to distance: Int) -> Lanes {
        let added = Builtin.shl_Vec16xInt32(other.masked(shift: shift, mask).bits, Self.all(distance))
        return with(bits: Builtin.or_Vec16xInt32(bits, added))
    }

    /// words ^ mask.
    @_transparent
    func flipped(_ mask: UInt32) -> Lanes { with(bits: Builtin.xor_Vec16xInt32(bits, Self.all(mask))) }

    /// words + addend, as whole numbers.
    @_transparent
    func addingToWords(_ addend: UInt32) -> Lanes { with(bits: Builtin.add_Vec16xInt32(bits, Self.all(addend))) }

    /// words >> shift.
    @_transparent
    func shifted(_ shift: Int) -> Lanes { with(bits: Builtin.lshr_Vec16xInt32(bits, Self.all(shift))) }

    /// words << shift.
    @_transparent
    private func raised(_ shift: Int) -> Lanes { with(bits: Builtin.shl_Vec16xInt32(bits, Self.all(shift))) }

    /// The signed integers in the words as floats.
    @_transparent
    var integersAsFloats: Lanes { with(Builtin.sitofp_Vec16xInt32_Vec16xFPIEEE32(bits)) }

    /// One of each word's four bytes as a float, taken as a number without sign.
    @_transparent
    func byteAsFloat(_ byte: Int) -> Lanes { masked(shift: 8 &* byte, 0xff).integersAsFloats }

    /// One of each word's four bytes as a float, taken as a number with a sign.
    @_transparent
    func signedByteAsFloat(_ byte: Int) -> Lanes {
        let upper = raised(24 &- 8 &* byte)
        return with(bits: Builtin.ashr_Vec16xInt32(upper.bits, Self.all(24))).integersAsFloats
    }

    /// The words with zeros in their upper halves.
    @_transparent
    var lowerHalves: Lanes { masked(shift: 0, 0xffff) }

    /// The low half of each word as a bfloat16 number, widened exactly: its bits become the upper half of a float's.
    @_transparent
    var lowBFloat16: Lanes { raised(16) }

    /// The high half of each word as a bfloat16 number, widened exactly.
    @_transparent
    var highBFloat16: Lanes { masked(shift: 0, 0xffff_0000) }

    /// The low half of each word as a half-precision number, widened exactly by the target's instruction (F16C, NEON). Where
    /// the target has none, this becomes a call for each lane.
    @_transparent
    var lowHalf: Lanes {
        let halves = Builtin.trunc_Vec16xInt32_Vec16xInt16(bits)
        return with(
            Builtin.fpext_Vec16xFPIEEE16_Vec16xFPIEEE32(Builtin.bitcast_Vec16xInt16_Vec16xFPIEEE16(halves)))
    }

    /// The high half of each word as a half-precision number.
    @_transparent
    var highHalf: Lanes { shifted(16).lowHalf }
}
