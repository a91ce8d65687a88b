import CLongLM

/// Products of several rows.
struct GEMMArguments: Kernel {
    let product: ProductArguments

    static var number: LongLMKernel { .gemm }

    @inline(always)
    func body<Target: KernelTarget>(_: Target.Type) {
        Target.visit(product.unpacks ? .float32 : product.format, GEMMVisitor<Target>(arguments: product))
    }
}

private struct GEMMVisitor<Target: KernelTarget>: PanelVisitor {
    let arguments: ProductArguments

    @inline(always)
    init(arguments: ProductArguments) { self.arguments = arguments }

    @inline(always)
    func visit<Storage: PanelStorage>(_: Storage.Type) {
        ProductLoop<FloatPart<Target, Storage>>(arguments: arguments).passPanels()
    }
}

/// Products of stored numbers, or of quantised ones that have been widened.
private enum FloatPart<Target: KernelTarget, Storage: PanelStorage>: WidenedPart {
    typealias Tile = StorageTile<Target.Tile, Storage, Target.Widen>
    typealias MediumTile = StorageTile<Target.MediumTile, Storage, Target.Widen>
    typealias SmallTile = StorageTile<Target.SmallTile, Storage, Target.Widen>
}

/// The same for a single row.
enum FloatRowPart<Target: KernelTarget, Storage: PanelStorage>: WidenedPart {
    typealias Tile = StorageTile<TileRow<Target.Tile.Columns, Target.Products>, Storage, Target.Widen>
    typealias MediumTile = Tile
    typealias SmallTile = Tile
}

protocol WidenedPart: ProductPart where Arithmetic == Target.Arithmetic {
    associatedtype Target: KernelTarget
    associatedtype Storage: PanelStorage
}

extension WidenedPart {
    /// K, or the number of words if a step multiplies two numbers.
    @inline(always)
    static func depth(of arguments: ProductArguments) -> Int {
        (arguments.depth + Target.Products.numbersPerStep - 1) / Target.Products.numbersPerStep
    }

    @inline(always)
    static func partDepth(of arguments: ProductArguments) -> Int {
        // A gated product passes two panels.
        let words = arguments.ending.kind == .gate ? GEMM.panelPartWordCount / 2 : GEMM.panelPartWordCount
        return words / Storage.blockWordCount * Storage.blockLength
    }

    @inline(always)
    static func inputOffset(of start: Int) -> Int { start }

    @inline(always)
    static func prepare(
        _ panel: Int, from start: Int, steps: Int, _ arguments: ProductArguments
    ) -> (UnsafePointer<Float>, UnsafePointer<Float>) {
        let offset = panel * arguments.panelStride
        if Storage.readsWidened && arguments.unpacks {
            let columns = start..<(start + steps)
            let gated = arguments.unpacked + GEMM.panelPartWordCount / 2
            arguments.unpack(
                arguments.weights + offset, columns: columns, as: .floats, into: arguments.unpacked)
            if arguments.ending.kind == .gate {
                arguments.unpack(arguments.gated + offset, columns: columns, as: .floats, into: gated)
            }
            return (UnsafePointer(arguments.unpacked), UnsafePointer(gated))
        }
        let first = offset + start / Storage.blockLength * Storage.blockWordCount
        return (arguments.weights + first, arguments.gated + first)
    }
}
