/// How a weight matrix's numbers are stored.
public enum WeightFormat: String, Sendable, CaseIterable {
    /// IEEE binary32.
    case float32
    /// The upper half of a binary32.
    case bfloat16
    /// IEEE binary16.
    case float16
    /// Blocks of 32: a 16-bit scale and 4-bit codes (GGUF; 4.5 bits a number).
    case q40 = "q4_0"
    /// Blocks of 32: a 16-bit scale and minimum and 4-bit codes (GGUF; 5 bits).
    case q41 = "q4_1"
    /// Blocks of 32: a 16-bit scale and 5-bit codes (GGUF; 5.5 bits).
    case q50 = "q5_0"
    /// Blocks of 32: a 16-bit scale and minimum and 5-bit codes (GGUF; 6 bits).
    case q51 = "q5_1"
    /// Blocks of 32: a 16-bit scale and 8-bit codes (GGUF; 8.5 bits).
    case q80 = "q8_0"
    /// Blocks of 256: 2-bit codes with 4-bit scales and minima (GGUF; 2.625 bits).
    case q2K = "q2_k"
    /// Blocks of 256: 3-bit codes with 6-bit scales (GGUF; 3.4375 bits).
    case q3K = "q3_k"
    /// Blocks of 256: 4-bit codes with 6-bit scales and minima (GGUF; 4.5 bits).
    case q4K = "q4_k"
    /// Blocks of 256: 5-bit codes with 6-bit scales and minima (GGUF; 5.5 bits).
    case q5K = "q5_k"
    /// Blocks of 256: 6-bit codes with 8-bit scales (GGUF; 6.5625 bits).
    case q6K = "q6_k"
    /// Blocks of 32: a 16-bit scale and 4-bit codes of a table (GGUF; 4.5 bits).
    case iq4NL = "iq4_nl"
    /// Blocks of 256: 4-bit codes of a table with 6-bit scales (GGUF; 4.25 bits).
    case iq4XS = "iq4_xs"
    /// Blocks of 64: a scale and a minimum of 32 bits and 4-bit codes (5 bits), for quantised safetensors.
    case affine4
    /// Blocks of 32: a scale and a minimum of 32 bits and 8-bit codes (10 bits), for quantised safetensors.
    case affine8
    /// Blocks of 32: a scale of 32 bits and 8-bit floats with 4 bits of exponent (9 bits), for safetensors in FP8.
    case float8

    /// Calls a visitor with the format's storage.
    @inline(always)
    func visit<Visitor: WeightStorageVisitor>(_ visitor: Visitor) -> Visitor.Result {
        switch self {
        case .float32: visitor.visit(Float32Storage.self)
        case .bfloat16: visitor.visit(BFloat16Storage.self)
        case .float16: visitor.visit(Float16Storage.self)
        case .q40: visitor.visit(Q40Storage.self)
        case .q41: visitor.visit(Q41Storage.self)
        case .q50: visitor.visit(Q50Storage.self)
        case .q51: visitor.visit(Q51Storage.self)
        case .q80: visitor.visit(Q80Storage.self)
        case .q2K: visitor.visit(Q2KStorage.self)
        case .q3K: visitor.visit(Q3KStorage.self)
        case .q4K: visitor.visit(Q4KStorage.self)
        case .q5K: visitor.visit(Q5KStorage.self)
        case .q6K: visitor.visit(Q6KStorage.self)
        case .iq4NL: visitor.visit(IQ4NLStorage.self)
        case .iq4XS: visitor.visit(IQ4XSStorage.self)
        case .affine4: visitor.visit(Affine4Storage.self)
        case .affine8: visitor.visit(Affine8Storage.self)
        case .float8: visitor.visit(Float8Storage.self)
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

    /// Calls a kernel's visitor with the storage through which tiles read the format. Tiles don't read quantised numbers:
    /// those are unpacked to floats first.
    @inline(always)
    func visit<Visitor: PanelVisitor>(panels visitor: Visitor) {
        switch self {
        case .bfloat16: visitor.visit(BFloat16Storage.self)
        case .float16: visitor.visit(Float16Storage.self)
        case .float32, .q40, .q41, .q50, .q51, .q80, .q2K, .q3K, .q4K, .q5K, .q6K, .iq4NL, .iq4XS, .affine4, .affine8,
            .float8:
            visitor.visit(Float32Storage.self)
        }
    }

    /// Calls a visitor with the storage of a quantised format. It isn't called for other formats.
    @inline(always)
    func visit<Visitor: QuantizedVisitor>(quantized visitor: Visitor) {
        switch self {
        case .float32, .bfloat16, .float16: return
        case .q40: visitor.visit(Q40Storage.self)
        case .q41: visitor.visit(Q41Storage.self)
        case .q50: visitor.visit(Q50Storage.self)
        case .q51: visitor.visit(Q51Storage.self)
        case .q80: visitor.visit(Q80Storage.self)
        case .q2K: visitor.visit(Q2KStorage.self)
        case .q3K: visitor.visit(Q3KStorage.self)
        case .q4K: visitor.visit(Q4KStorage.self)
        case .q5K: visitor.visit(Q5KStorage.self)
        case .q6K: visitor.visit(Q6KStorage.self)
        case .iq4NL: visitor.visit(IQ4NLStorage.self)
        case .iq4XS: visitor.visit(IQ4XSStorage.self)
        case .affine4: visitor.visit(Affine4Storage.self)
        case .affine8: visitor.visit(Affine8Storage.self)
        case .float8: visitor.visit(Float8Storage.self)
        }
    }

    /// The least number of rows for which a product of floats widens parts of panels before its tiles read them; with fewer, the
    /// tiles widen. nil: the tiles always do, or needn't.
    var leastUnpackedRowCount: Int? {
        switch self {
        case .float32, .bfloat16: nil
        // A conversion takes the ports of multiply-adds several times; a bfloat16 number takes one of them once.
        case .float16: 16
        case .q40, .q41, .q50, .q51, .q80, .q2K, .q3K, .q4K, .q5K, .q6K, .iq4NL, .iq4XS, .affine4, .affine8, .float8: 1
        }
    }

    /// Whether numbers are codes of at most eight bits with a scale.
    public var isQuantized: Bool {
        @inline(always) get {
            switch self {
            case .float32, .bfloat16, .float16: false
            case .q40, .q41, .q50, .q51, .q80, .q2K, .q3K, .q4K, .q5K, .q6K, .iq4NL, .iq4XS, .affine4, .affine8,
                .float8:
                true
            }
        }
    }

    /// Whether these codes are integers, which products in ``Precision/int8`` need.
    public var hasIntegerCodes: Bool { isQuantized && self != .float8 }

    /// The number of columns of a matrix has to be a multiple of this.
    public var columnMultiple: Int { storage.columnMultiple }

    /// The bytes that a row of `columnCount` columns has in a file.
    public func rowByteCount(columnCount: Int) -> Int { storage.rowByteCount(columnCount) }

    /// Whether 32-bit floats can be rounded to this format when a matrix is packed.
    public var roundsFloats: Bool { storage.roundsFloats || WeightQuantizer.quantizes(self) }

    /// Numbers of a file as floats, widened exactly.
    ///
    /// - Parameters:
    ///   - bytes: Numbers one after the other, or whole blocks of them.
    ///   - count: How many numbers there are.
    package func widened(_ bytes: UnsafeRawBufferPointer, count: Int) -> [Float] {
        precondition(bytes.count == rowByteCount(columnCount: count), "there are that many")
        if count == 0 { return [] }
        return [Float](unsafeUninitializedCapacity: count) { floats, initializedCount in
            if let source = bytes.baseAddress, let target = floats.baseAddress { storage.widen(source, count, target) }
            initializedCount = count
        }
    }
}
