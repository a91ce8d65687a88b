// swift-tools-version: 6.3
import PackageDescription

// A package of its own, so that what benchmarks need never reaches a program that embeds the engine.
let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        longLM(),
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

/// The engine of this clone, or of a URL and version, as another project would name it.
func longLM() -> Package.Dependency {
    guard let url = Context.environment["LONGLM_URL"] else { return .package(name: "swift-longlm", path: "..") }
    guard let text = Context.environment["LONGLM_VERSION"], let version = Version(text) else {
        fatalError("LONGLM_URL needs a LONGLM_VERSION such as 0.1.0")
    }
    return .package(url: url, exact: version)
}
