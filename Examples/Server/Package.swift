// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Server",
    platforms: [.macOS(.v15)],
    dependencies: [
        longLM(),
        .package(url: "https://github.com/hummingbird-project/hummingbird", .upToNextMinor(from: "2.28.1")),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
    ],
    targets: [
        .executableTarget(
            name: "Server",
            dependencies: [
                .product(name: "LongLM", package: "swift-longlm"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ])
    ],
    swiftLanguageModes: [.v6]
)

/// The engine of this clone, or of a URL and version, as another project would name it.
func longLM() -> Package.Dependency {
    guard let url = Context.environment["LONGLM_URL"] else { return .package(name: "swift-longlm", path: "../..") }
    guard let text = Context.environment["LONGLM_VERSION"], let version = Version(text) else {
        fatalError("LONGLM_URL needs a LONGLM_VERSION such as 0.1.0")
    }
    return .package(url: url, exact: version)
}
