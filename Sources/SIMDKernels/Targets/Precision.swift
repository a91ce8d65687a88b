/// What products are computed in.
public enum Precision: String, Sendable, CaseIterable {
    /// 32-bit fused multiply-adds; numbers stored in fewer bits are widened exactly. The same bits on every instruction set
    /// that has a fused multiply-add.
    case float32
    /// Both factors are rounded to bfloat16, and two products at a time are added to a 32-bit sum (AVX-512 BF16's
    /// `VDPBF16PS`). Results have about three significant digits. They are the same for every number of threads and
    /// every division of the rows.
    case bfloat16
}
