// swift-tools-version: 6.3
import PackageDescription

// For tests, whose modules nothing waits for: one compiler makes both module and code, instead of one each. (A package that
// depends on this one by version builds no tests, so it accepts the flags.)
let tests: [SwiftSetting] = [.unsafeFlags(["-no-emit-module-separately-wmo"])]
// For tests whose own code computes little: unoptimised, they compile in half the time. What they test is optimised.
let unoptimised: [SwiftSetting] = tests + [.unsafeFlags(["-Onone"])]

let package = Package(
    name: "swift-longlm",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "LongLM", targets: ["LongLM"]),
        .library(name: "SIMDKernels", targets: ["SIMDKernels"]),
        .library(name: "Safetensors", targets: ["Safetensors"]),
        .library(name: "GGUF", targets: ["GGUF"]),
        .library(name: "Tokenization", targets: ["Tokenization"]),
        .library(name: "Constraints", targets: ["Constraints"]),
        .library(name: "LongLMEvaluation", targets: ["LongLMEvaluation"]),
        .executable(name: "longlm", targets: ["LongLMCommand"]),
    ],
    // A package that embeds a library and says `traits: []` neither resolves nor fetches the argument parser.
    traits: [.default(enabledTraits: ["Command"]), .trait(name: "Command", description: "The command longlm.")],
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
        .target(
            name: "SIMDKernels", dependencies: ["CLongLM"],
            // The compiler's own operations on whole vectors (Vector/LaneOperations.swift).
            swiftSettings: [.enableExperimentalFeature("BuiltinModule")]),
        // Internal: every file of JSON that others wrote is read by the one, and every file is opened by the other.
        .target(name: "StrictJSON"),
        .target(name: "FileReading"),
        .target(name: "Safetensors", dependencies: ["FileReading", "StrictJSON"]),
        .target(name: "GGUF", dependencies: ["FileReading"]),
        .target(name: "Tokenization", dependencies: ["FileReading", "StrictJSON"]),
        .target(name: "Constraints", dependencies: ["StrictJSON", "Tokenization"]),
        .target(
            name: "LongLM",
            dependencies: [
                "Constraints", "FileReading", "GGUF", "SIMDKernels", "Safetensors", "StrictJSON", "Tokenization",
            ]),
        .target(name: "Charts"),
        .target(
            name: "LongLMEvaluation", dependencies: ["Charts", "FileReading", "LongLM", "SIMDKernels", "StrictJSON"]),
        .executableTarget(
            name: "LongLMCommand",
            dependencies: [
                "Charts", "FileReading", "LongLM", "LongLMEvaluation",
                .product(
                    name: "ArgumentParser", package: "swift-argument-parser", condition: .when(traits: ["Command"])),
            ]),
        // What tests share: fixtures, temporary directories, tiny random checkpoints.
        .target(
            name: "TestSupport", dependencies: ["GGUF", "SIMDKernels", "Safetensors"], path: "Tests/TestSupport"),
        // What LongLMTests compare with: computed in double precision, so optimised.
        .target(name: "ModelTwins", dependencies: ["LongLM", "TestSupport"], path: "Tests/ModelTwins"),
        .testTarget(
            name: "LongLMTests", dependencies: ["LongLM", "ModelTwins", "TestSupport"], swiftSettings: unoptimised),
        .testTarget(name: "ChartsTests", dependencies: ["Charts"], swiftSettings: unoptimised),
        .testTarget(
            name: "LongLMEvaluationTests", dependencies: ["LongLMEvaluation", "TestSupport"], swiftSettings: unoptimised
        ),
        .testTarget(
            name: "SIMDKernelsTests", dependencies: ["SIMDKernels", "Safetensors", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "StrictJSONTests", dependencies: ["StrictJSON", "TestSupport"], swiftSettings: unoptimised),
        .testTarget(
            name: "FileReadingTests", dependencies: ["FileReading", "TestSupport"], swiftSettings: unoptimised),
        .testTarget(name: "GGUFTests", dependencies: ["GGUF", "TestSupport"], swiftSettings: unoptimised),
        .testTarget(
            name: "SafetensorsTests", dependencies: ["Safetensors", "TestSupport"], swiftSettings: unoptimised),
        .testTarget(
            name: "TokenizationTests", dependencies: ["Tokenization", "TestSupport"], resources: [.copy("Goldens")],
            swiftSettings: tests),
        .testTarget(
            name: "ConstraintsTests", dependencies: ["Constraints", "Tokenization", "TestSupport"],
            swiftSettings: unoptimised
        ),
        .testTarget(
            name: "ReferenceTests", dependencies: ["LongLM", "LongLMEvaluation", "SIMDKernels", "TestSupport"],
            swiftSettings: tests),
        .testTarget(
            name: "LongLMCommandTests", dependencies: ["LongLMCommand", "Safetensors", "TestSupport"],
            swiftSettings: unoptimised),
    ],
    swiftLanguageModes: [.v6]
)
