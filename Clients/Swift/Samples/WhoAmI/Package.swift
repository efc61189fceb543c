// swift-tools-version: 6.2

import PackageDescription

let package = Package(
    name: "WhoAmI",
    dependencies: [.package(name: "doorman", path: "../../../..")],
    targets: [
        .executableTarget(name: "WhoAmI", dependencies: [.product(name: "DoormanClient", package: "doorman")])
    ]
)
