#if !hasFeature(Embedded)
    import LongLMEvaluation
    import SIMDKernels
    import TestSupport
#endif

extension KernelBits {
    /// How rows see keys.
    private struct View {
        let name: String
        /// W of Self-Extend; 0: none.
        var window = 0
        var slidingWindow = 0
        var scoreCap: Float = 0
    }

    /// A part of a prefill, a chunk whose segments are shared out among the workers, and a single row, over two segments: for
    /// every cache, in every precision that all targets have.
    mutating func addAttention() {
        let views = [
            View(name: "plain"), View(name: "two-pass", window: 100), View(name: "sliding", slidingWindow: 130),
            View(name: "capped two-pass", window: 37, scoreCap: 2),
        ]
        for format in CacheFormat.allCases {
            for precision in [Precision.float32, .int8] where precision.reads(format) {
                for view in views {
                    // Whole groups of 32 components, and a part of one.
                    for dimension in [40, 64] {
                        let shape = AttentionShape(
                            queryHeadCount: 4, keyValueHeadCount: 2, headDimension: dimension, cacheFormat: format)
                        add(
                            "attention \(view.name) \(format.rawValue) \(precision.rawValue) \(dimension)",
                            attend(shape, precision, view))
                    }
                }
            }
        }
    }

    private func attend(_ shape: AttentionShape, _ precision: Precision, _ view: View) -> LogitHash {
        var generator = SeededGenerator(seed: 4)
        let chunks = [500..<555, 555..<562, 562..<563]
        let segmentCount = AttentionShape.segmentCount(length: 563)
        let segments = (0..<segmentCount).map { _ in Floats(count: shape.segmentFloatCount) }
        let pointers = segments.map { $0.pointer }
        let panelCount = view.window == 0 ? 0 : shape.ringPanelCount(window: view.window, rowCount: 55)
        let ring = Floats(count: shape.ringFloatCount(panelCount: panelCount))
        let scratches = (0..<threadCount).map { _ in
            Floats(count: TwoPassAttention.scratchFloatCount(shape: shape))
        }
        let partials = Floats(count: TwoPassAttention.partialFloatCount(shape: shape, length: 563))
        let keyWidth = shape.keyValueHeadCount * shape.headDimension
        let queryWidth = shape.queryHeadCount * shape.headDimension
        var hash = LogitHash()
        var stored = 0
        for chunk in chunks {
            while stored < chunk.upperBound {
                let segment = pointers[stored / AttentionShape.segmentLength]
                shape.storeKey(generator.uniform(keyWidth), position: stored, segment: segment)
                shape.storeValue(generator.uniform(keyWidth), position: stored, segment: segment)
                let neighborKey = generator.uniform(keyWidth)
                if panelCount > 0 {
                    shape.storeNeighborKey(
                        neighborKey, position: stored, ring: ring.pointer, panelCount: panelCount)
                }
                stored += 1
            }
            let queries = Floats(generator.uniform(chunk.count * queryWidth, limit: 0.5))
            let neighborQueries = Floats(generator.uniform(chunk.count * queryWidth, limit: 0.5))
            let output = Floats(count: chunk.count * queryWidth)
            pointers.withUnsafeBufferPointer { addresses in
                guard let addresses = addresses.baseAddress else { return }
                let zones =
                    view.window == 0
                    ? [AttentionZone(from: .beginning)]
                    : [AttentionZone(from: .beginning), AttentionZone(from: .last(view.window), keys: .ring)]
                let input = AttentionInput(
                    zones: ZoneQueries(zones) { UnsafePointer(($0 == 0 ? queries : neighborQueries).pointer) },
                    rowCount: chunk.count, firstPosition: chunk.lowerBound, segments: addresses, ring: ring.pointer,
                    ringPanelCount: panelCount, slidingWindow: view.slidingWindow, scoreCap: view.scoreCap,
                    output: output.pointer, precision: precision)
                let memory = segments + scratches + [ring, partials, queries, neighborQueries, output]
                runTeam(keeping: memory) { worker in
                    TwoPassAttention.attend(
                        input, shape: shape, scratch: scratches[worker.index].pointer, partials: partials.pointer,
                        worker: worker)
                }
            }
            hash.add(output.values)
        }
        return withExtendedLifetime((segments, ring)) { hash }
    }
}
