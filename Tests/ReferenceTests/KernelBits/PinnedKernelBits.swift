extension KernelBits {
    /// The SHA-256 of each group on every target with a fused multiply-add, for any number of threads. A change of one of
    /// them is a change of logits, which the changelog has to announce.
    static let pinned: [(name: String, sha256: String)] = [
    ]
}
