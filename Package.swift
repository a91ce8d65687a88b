// swift-tools-version: 6.3
import PackageDescription

let package = Package(
    name: "swift-longlm",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "LongLM", targets: ["LongLM"]),
        .library(name: "SIMDKernels", targets: ["SIMDKernels"]),
        .library(name: "Safetensors", targets: ["Safetensors"]),
        .library(name: "Tokenization", targets: ["Tokenization"]),
        .library(name: "LongLMEvaluation", targets: ["LongLMEvaluation"]),
        .executable(name: "longlm", targets: ["LongLMCommand"]),
    ],
    dependencies: [
        // The command alone parses arguments; no library product depends on it.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0")
    ],
    targets: [
        // Debian and Ubuntu install LLVM's OpenMP runtime (libomp-dev) as libomp5.so, Homebrew as libomp.dylib.
        .target(
            name: "CLongLM",
            linkerSettings: [
                .linkedLibrary("omp5", .when(platforms: [.linux])),
                .linkedLibrary("omp", .when(platforms: [.macOS])),
            ]),
        .target(name: "SIMDKernels", dependencies: ["CLongLM"]),
        .target(name: "Safetensors"),
        .target(name: "Tokenization"),
        .target(name: "LongLM", dependencies: ["SIMDKernels", "Safetensors", "Tokenization"]),
        .target(name: "LongLMEvaluation", dependencies: ["LongLM"]),
        .executableTarget(
            name: "LongLMCommand",
            dependencies: [
                "LongLM", "LongLMEvaluation",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        // Tiny random checkpoints for the tests of the libraries that run models.
        .target(name: "LongLMTestSupport", dependencies: ["Safetensors"], path: "Tests/LongLMTestSupport"),
        .testTarget(name: "LongLMTests", dependencies: ["LongLM", "LongLMTestSupport"]),
        .testTarget(name: "LongLMEvaluationTests", dependencies: ["LongLMEvaluation", "LongLMTestSupport"]),
        .testTarget(name: "SIMDKernelsTests", dependencies: ["SIMDKernels"]),
        .testTarget(name: "SafetensorsTests", dependencies: ["Safetensors"]),
        .testTarget(name: "TokenizationTests", dependencies: ["Tokenization"], resources: [.copy("Goldens")]),
    ],
    swiftLanguageModes: [.v6]
)
