// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Summarise",
    platforms: [.macOS(.v15)],
    dependencies: [longLM()],
    targets: [
        .executableTarget(name: "Summarise", dependencies: [.product(name: "LongLM", package: "swift-longlm")])
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
