import SIMDKernels

let threads = Team.defaultThreadCount
let isa = try InstructionSet.preferred()
func bench(_ m: Int, _ n: Int, _ k: Int, _ type: ElementType) {
    let src = UnsafeMutableRawBufferPointer.allocate(byteCount: n * k * type.byteCount, alignment: 64)
    for i in 0..<src.count { src[i] = UInt8(truncatingIfNeeded: i &* 37 & 63) }
    let w = PackedMatrix(packing: UnsafeRawBufferPointer(src), elementType: type, rowCount: n, columnCount: k)
    let x = AlignedBuffer(floatCount: m * k), y = AlignedBuffer(floatCount: m * n)
    for i in 0..<m * k { x.floats[i] = Float(i % 17) - 8 }
    let packed = AlignedBuffer(floatCount: GEMM.packedInputFloatCount(rowCount: m, columnCount: k))
    let sc = GEMM.scratchFloatCount(maximumRowCount: m)
    let scratch = AlignedBuffer(floatCount: sc * threads)
    var times: [Double] = []
    let clock = ContinuousClock()
    for _ in 0..<15 {
        let d = clock.measure {
            Team.run(threadCount: threads, instructionSet: isa) { worker in
                let p = GEMM.packInput(x.floats, rowCount: m, columnCount: k, into: packed.floats, worker: worker)
                worker.barrier()
                GEMM.multiply(p, by: w, into: y.floats, scratch: scratch.floats + worker.index * sc, worker: worker)
            }
        }
        times.append(Double(d.components.attoseconds) * 1e-18 + Double(d.components.seconds))
    }
    times.sort()
    let t = times[times.count / 2]
    print(type, m, n, k, "GFLOP/s", 2 * Double(m * n * k) / t * 1e-9, "GB/s", Double(n * k * type.byteCount) / t * 1e-9)
}
for t in [ElementType.float32, .bfloat16, .float16] {
    bench(512, 4096, 4096, t); bench(512, 1536, 576, t); bench(512, 576, 1536, t); bench(7, 1536, 576, t); bench(1, 49152, 576, t); bench(1, 1536, 576, t)
}

func benchAttention(_ n: Int, window: Int, chunk: Int = 512) {
    let shape = AttentionShape(queryHeadCount: 9, keyValueHeadCount: 3, headDimension: 64)
    let nseg = (n + 1023) / 1024
    let segs = (0..<nseg).map { _ in AlignedBuffer(floatCount: shape.segmentFloatCount) }
    for s in segs { for i in 0..<shape.segmentFloatCount { s.floats[i] = Float(i &* 7919 % 1000) * 1e-3 - 0.5 } }
    let ptrs = UnsafeMutablePointer<UnsafeMutablePointer<Float>>.allocate(capacity: nseg)
    for (i, s) in segs.enumerated() { ptrs[i] = s.floats }
    let rp = shape.ringPanelCount(window: window, rowCount: chunk)
    let ring = AlignedBuffer(floatCount: shape.ringFloatCount(panelCount: rp))
    for i in 0..<shape.ringFloatCount(panelCount: rp) { ring.floats[i] = Float(i &* 7919 % 1000) * 1e-3 - 0.5 }
    let q = AlignedBuffer(floatCount: chunk * 576), o = AlignedBuffer(floatCount: chunk * 576)
    for i in 0..<chunk * 576 { q.floats[i] = Float(i &* 7919 % 1000) * 1e-3 - 0.5 }
    let sc = TwoPassAttention.scratchFloatCount(shape: shape)
    let scratch = AlignedBuffer(floatCount: sc * threads)
    let partials = AlignedBuffer(floatCount: TwoPassAttention.partialFloatCount(shape: shape, length: n))
    let clock = ContinuousClock()
    let d = clock.measure {
        for start in stride(from: chunk == 1 ? n - 64 : 0, to: n, by: chunk) {
            let input = AttentionInput(queries: q.floats, neighborQueries: q.floats, rowCount: chunk, firstPosition: start, segments: ptrs, neighborRing: ring.floats, ringPanelCount: rp, neighborWindow: window, output: o.floats)
            Team.run(threadCount: threads, instructionSet: isa) { w in
                TwoPassAttention.attend(input, shape: shape, scratch: scratch.floats + w.index * sc, partials: partials.floats, worker: w)
            }
        }
    }
    let t = Double(d.components.attoseconds) * 1e-18 + Double(d.components.seconds)
    print("attention", n, "W", window, "chunk", chunk, "s", t, "GFLOP/s", chunk > 1 ? 2 * 9 * 64 * Double(n) * Double(n) / t * 1e-9 : 0, "us/token", chunk == 1 ? t / 64 * 1e6 : 0)
}
for _ in 0..<2 { for w in [0, 1024] { for n in [512, 2048, 8192] { benchAttention(n, window: w) }; benchAttention(4096, window: w, chunk: 1) } }
