/// How a weight matrix's numbers are stored.
public enum WeightFormat: String, Sendable, CaseIterable {
    /// IEEE binary32.
    case float32
    /// The upper half of a binary32.
    case bfloat16
    /// IEEE binary16.
    case float16

    /// Calls a visitor with the format's storage.
    @inline(always)
    func visit<Visitor: WeightStorageVisitor>(_ visitor: Visitor) -> Visitor.Result {
        switch self {
        case .float32: visitor.visit(Float32Storage.self)
        case .bfloat16: visitor.visit(BFloat16Storage.self)
        case .float16: visitor.visit(Float16Storage.self)
        }
    }
}

extension WeightFormat {
    /// The storage as a value, for work that needs no compiled form of its own.
    var storage: WeightStorageFunctions {
        struct Functions: WeightStorageVisitor {
            @inline(always)
            func visit<Storage: WeightStorage>(_: Storage.Type) -> WeightStorageFunctions {
                WeightStorageFunctions(Storage.self)
            }
        }
        return visit(Functions())
    }

    /// Calls a kernel's visitor with the format's storage.
    @inline(always)
    func visit<Visitor: PanelVisitor>(panels visitor: Visitor) { visit(PanelVisitors(visitor: visitor)) }

    /// The number of columns of a matrix has to be a multiple of this.
    public var columnMultiple: Int { storage.columnMultiple }

    /// The bytes that a row of `columnCount` columns has in a file.
    public func rowByteCount(columnCount: Int) -> Int { storage.rowByteCount(columnCount) }

    /// Whether 32-bit floats can be rounded to this format when a matrix is packed.
    public var roundsFloats: Bool { storage.roundsFloats }
}

/// Passes the storage of a weight format on to a kernel's visitor.
private struct PanelVisitors<Visitor: PanelVisitor>: WeightStorageVisitor {
    let visitor: Visitor

    @inline(always)
    init(visitor: Visitor) { self.visitor = visitor }

    @inline(always)
    func visit<Storage: WeightStorage>(_: Storage.Type) { visitor.visit(Storage.self) }
}
