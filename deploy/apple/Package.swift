// swift-tools-version: 6.0
import PackageDescription

let package = Package(
    name: "TinyModels",
    platforms: [.macOS(.v15), .iOS(.v18)],
    products: [.library(name: "TinyModels", targets: ["TinyModels"])],
    targets: [
        .target(name: "TinyModels"),
        .executableTarget(name: "Demo", dependencies: ["TinyModels"]),
    ]
)
