// swift-tools-version: 6.3
import PackageDescription

// A package of its own, so that what benchmarks need never reaches a program that embeds the engine.
let package = Package(
    name: "Benchmarks",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(name: "swift-longlm", path: "..")
    ],
    targets: [
        .executableTarget(
            name: "kernel-times", dependencies: [.product(name: "SIMDKernels", package: "swift-longlm")],
            path: "Sources/KernelTimes")
    ],
    swiftLanguageModes: [.v6]
)
