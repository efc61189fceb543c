// swift-tools-version: 6.2

import PackageDescription

// A service that depends on Doorman's client, and on nothing else. Outside this repository the dependency is
// .package(url: "https://…/doorman", from: "1.0.0").
let package = Package(
    name: "WhoAmI",
    dependencies: [.package(name: "doorman", path: "../../../..")],
    targets: [
        .executableTarget(name: "WhoAmI", dependencies: [.product(name: "DoormanClient", package: "doorman")])
    ]
)
