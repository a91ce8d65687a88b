import CLongLM

/// What the compiler assumes that every processor has: NEON on arm64, SSE2 on x86-64.
enum BaselineTarget: KernelTarget, CodeTarget {
    #if arch(x86_64)
        typealias Arithmetic = SeparateMultiplyAdd
        typealias Widen = AssembledHalves

        // Hardly a processor in use runs it.
        @inline(always) static var unpacksForSingleRows: Bool { true }
    #else
        typealias Arithmetic = FusedMultiplyAdd
        typealias Widen = ConvertedHalves
    #endif
    typealias Products = Arithmetic
    #if arch(x86_64)
        // Eight of 16 registers; and a single form of each kernel, which takes a third of the code.
        typealias Tile = TwoRows<Lanes, Products>
        typealias MediumTile = Tile
        typealias SmallTile = Tile
    #else
        // 24 of 32 registers.
        typealias Tile = SixRows<Lanes, Products>
        typealias MediumTile = FourRows<Lanes, Products>
        typealias SmallTile = TwoRows<Lanes, Products>
    #endif
    typealias Codes = PortableCodeProducts
    typealias CodeColumns = Lanes

    @inline(never)
    static func run(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) { longlm_run_baseline(kernel, arguments) }

    @inline(never)
    static func unpack() -> LongLMUnpack { longlm_unpack_baseline() }
}

@c @implementation
func longlm_tile_baseline(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
    runTileKernel(kernel, arguments, BaselineTarget.self)
}

@c @implementation
func longlm_code_baseline(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
    runCodeKernel(kernel, arguments, BaselineTarget.self)
}

@c @implementation
func longlm_other_baseline(_ kernel: LongLMKernel, _ arguments: UnsafeRawPointer) {
    runOtherKernel(kernel, arguments, BaselineTarget.self)
}
