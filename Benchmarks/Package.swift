// swift-tools-version: 6.3
import PackageDescription

// A package of its own, so that what benchmarks need never reaches a program that embeds the engine.
let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-longlm", path: ".."),
        // No traits: the interposers of malloc and of reference counting would sit in every program of the package.
        .package(url: "https://github.com/ordo-one/benchmark", exact: "1.38.1", traits: []),
    ],
    targets: [
        .executableTarget(
            name: "Kernels",
            dependencies: [
                .product(name: "Benchmark", package: "benchmark"),
                .product(name: "LongLMEvaluation", package: "swift-longlm"),
            ],
            path: "Benchmarks/Kernels",
            plugins: [.plugin(name: "BenchmarkPlugin", package: "benchmark")])
    ],
    swiftLanguageModes: [.v6]
)
