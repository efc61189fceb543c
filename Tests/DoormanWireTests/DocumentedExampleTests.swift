import TestKit
import Testing

@Suite("The example in wire-protocol.md")
struct DocumentedExampleTests {
    @Test("the example has the bytes of its vector")
    func isTheVector() throws {
        // The page links the vector above the block that shows it.
        let parts = try GoldenVector.contract().split(separator: "/request-verify-example.hex)")
        let block = try #require(parts.last?.split(separator: "```").dropFirst().first)
        let bytes = block.split(separator: "\n").flatMap { line in
            line.split(separator: " ").prefix { $0.count == 2 && UInt8($0, radix: 16) != nil }.compactMap { UInt8($0, radix: 16) }
        }
        #expect(bytes == (try GoldenVector.named("request-verify-example").bytes))
    }
}
