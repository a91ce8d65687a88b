// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "Summarise",
    platforms: [.macOS(.v15)],
    dependencies: [.package(name: "swift-longlm", path: "../..")],
    targets: [
        .executableTarget(name: "Summarise", dependencies: [.product(name: "LongLM", package: "swift-longlm")])
    ],
    swiftLanguageModes: [.v6]
)
