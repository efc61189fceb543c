// swift-tools-version: 6.2

import PackageDescription

// A web service that authenticates its users by their access tokens. Outside this repository, the first dependency is
// .package(url: "https://…/doorman", branch: "main").
let package = Package(
    name: "HummingbirdAuth",
    dependencies: [
        .package(name: "doorman", path: "../../../.."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: [
        // Copy this module into your own service.
        .target(
            name: "BearerAuth",
            dependencies: [
                .product(name: "DoormanClient", package: "doorman"), .product(name: "Hummingbird", package: "hummingbird"),
            ]),
        .executableTarget(name: "HummingbirdAuth", dependencies: ["BearerAuth", .product(name: "Logging", package: "swift-log")]),
        .testTarget(
            name: "HummingbirdAuthTests",
            dependencies: [
                "BearerAuth", "HummingbirdAuth", .product(name: "DoormanClient", package: "doorman"),
                .product(name: "HummingbirdTesting", package: "hummingbird"), .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
            ]),
    ]
)
