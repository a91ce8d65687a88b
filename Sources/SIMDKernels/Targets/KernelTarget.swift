/// What differs between the instruction targets that a kernel body is compiled for.
///
/// A target is one conformance in a file of its own. It also needs a line in LongLMTrampolines.h and a case in
/// ``CompiledTarget``. If users can choose it by name, ``InstructionSet`` and LongLMFeatures.c need to know it too.
protocol KernelTarget: UnpackingTarget {
    /// How its tiles multiply.
    associatedtype Products
    /// The tile that suits its registers.
    associatedtype Tile: MicroTile where Tile.Products == Products
    /// Tiles of fewer rows and as many columns, for the rows that are left over.
    associatedtype MediumTile: MicroTile where MediumTile.Columns == Tile.Columns, MediumTile.Products == Products
    associatedtype SmallTile: MicroTile where SmallTile.Columns == Tile.Columns, SmallTile.Products == Products

    /// Calls a visitor with the storage through which this target's products read weights of a format.
    static func visit<Visitor: PanelVisitor>(_ format: WeightFormat, _ visitor: Visitor)

    /// Calls a visitor with the storage through which this target's products read a cache of a format.
    static func visit<Visitor: CacheVisitor>(_ format: CacheFormat, _ visitor: Visitor)
}

/// The default, for products of 32-bit floats, which read every format.
extension KernelTarget {
    @inline(always)
    static func visit<Visitor: PanelVisitor>(_ format: WeightFormat, _ visitor: Visitor) {
        format.visit(panels: visitor)
    }

    @inline(always)
    static func visit<Visitor: CacheVisitor>(_ format: CacheFormat, _ visitor: Visitor) { format.visit(visitor) }
}

/// The most rows that any target's tile has.
var maximumTileRows: Int {
    @inline(always) get { 12 }
}
