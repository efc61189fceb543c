import TestKit
import Testing

@Suite("The example in Protos/README.md")
struct DocumentedExampleTests {
    @Test("it is, byte for byte, the vector that it says it is")
    func isTheVector() throws {
        let parts = try GoldenVector.contract().split(separator: "```\n", omittingEmptySubsequences: false)
        try #require(parts.count > 1)
        let bytes = parts[1].split(separator: "\n").flatMap { line in
            line.split(separator: " ").prefix { $0.count == 2 && UInt8($0, radix: 16) != nil }.compactMap { UInt8($0, radix: 16) }
        }
        #expect(bytes == (try GoldenVector.named("request-verify-example").bytes))
    }
}
