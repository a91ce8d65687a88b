/// What the kernels of products read and write.
struct ProductArguments {
    let input: UnsafePointer<Float>
    /// Floats from one row's place to the next.
    let inputStride: Int
    let rowCount: Int
    /// K.
    let depth: Int
    let weights: UnsafePointer<Float>
    /// The second matrix of a gated product.
    let gated: UnsafePointer<Float>
    /// Words from one panel to the next.
    let panelStride: Int
    let format: WeightFormat
    /// Whether parts of panels are widened to floats before the tiles read them.
    let unpacks: Bool
    let scaleForm: ScaleForm
    /// N.
    let columnCount: Int
    let panels: Range<Int>
    let rows: (Range<Int>, Range<Int>)
    let output: UnsafeMutablePointer<Float>
    let ending: GEMMEnding
    /// Whether whole tiles are stored past the caches.
    let streams: Bool
    /// Where a GEMM unpacks a part of a panel: ``GEMM/panelPartWordCount`` words.
    let unpacked: UnsafeMutablePointer<Float>
    /// How a GEMM unpacks it.
    let unpacking: Unpacking
    /// Unfinished sums of a GEMM's rows, or the sums of two panels of a GEMV.
    let scratch: UnsafeMutablePointer<Float>
}

/// What happens to a finished product: its bias is added, the activation is applied, and then the kind decides where it
/// goes.
struct GEMMEnding {
    enum Kind {
        /// It is written.
        case store
        /// It is added to the output.
        case add
        /// The output is multiplied by it.
        case multiply
        /// It is multiplied by the product of the second matrix and written.
        case gate
    }

    let kind: Kind
    let bias: UnsafePointer<Float>?
    /// The bias of the second product.
    let gatedBias: UnsafePointer<Float>?
    let activation: Activation
    /// Whether tiles go to the output straight from registers.
    let isPlain: Bool

    init(
        _ kind: Kind, bias: UnsafePointer<Float>?, gatedBias: UnsafePointer<Float>?, activation: Activation
    ) {
        self.kind = kind
        self.bias = bias
        self.gatedBias = gatedBias
        self.activation = activation
        isPlain = kind != .gate && kind != .multiply && bias == nil && activation == .identity
    }
}

extension GEMMEnding {
    /// Finishes `count` ≤ 32 products of one row, from a given column on.
    ///
    /// - Parameters:
    ///   - sums: The products.
    ///   - others: The products with the second matrix, if the product is gated.
    ///   - output: Where the first one goes.
    @inline(always)
    func finish<Arithmetic: MultiplyAdd>(
        _ sums: UnsafeMutablePointer<Float>, _ others: UnsafeMutablePointer<Float>,
        _ output: UnsafeMutablePointer<Float>, column: Int, _ count: Int, _: Arithmetic.Type
    ) {
        for offset in Steps(from: 0, to: PackedMatrix.panelWidth, by: laneCount) {
            let present = lesser(count - offset, laneCount)
            if present <= 0 { return }
            var lanes = sums.lanes(at: offset)
            if let bias { lanes += bias.leadingLanes(at: column + offset, count: present) }
            lanes = activation.apply(lanes, Arithmetic.self)
            if kind == .gate {
                var factors = others.lanes(at: offset)
                if let bias = gatedBias { factors += bias.leadingLanes(at: column + offset, count: present) }
                lanes *= factors
            } else if kind == .add {
                lanes = UnsafePointer(output).leadingLanes(at: offset, count: present) + lanes
            } else if kind == .multiply {
                lanes = UnsafePointer(output).leadingLanes(at: offset, count: present) * lanes
            }
            if present == laneCount {
                output.store(lanes, at: offset)
            } else {
                output.storePartial(lanes, at: offset, count: present)
            }
        }
    }
}
