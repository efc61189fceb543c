import Foundation
import TestKit
import Testing

@Suite("The pages of the documentation", .timeLimit(.minutes(5)))
struct PageTests {
    @Test("every example of a page runs", arguments: Page.all.filter { page in page.blocks.contains { $0.example != nil } })
    func examples(page: Page) async throws {
        let (status, output) = try await PageRun.result(of: page)
        #expect(status == 0, "\(page.path) ended with \(status):\n\(output.suffix(4_000))")
    }

    @Test("every block of a page runs, is compared with a file, or says why not", arguments: Page.all)
    func noBlockIsForgotten(page: Page) {
        for block in page.blocks where block.example == nil && !block.isNotRun {
            // A style test compares Swift with the samples; text is no example.
            #expect(["swift", "text"].contains(block.language), "\(page.path):\(block.line): a block of \(block.language)")
        }
    }

    @Test("examples are found in the text")
    func parsing() {
        let page = Page(
            path: "a.md",
            text: """
                <!-- file: a.yaml -->
                ```yaml
                a: 1
                ```
                <!-- not run: needs root -->
                ```sh
                reboot
                ```
                ```sh
                one
                ```
                ```console
                $ two
                output
                doorman: rejected (A): b
                $ three
                ```
                """)
        #expect(
            page.blocks.map(\.example) == [
                .file(name: "a.yaml", ["a: 1"]), nil, .script(["one"]),
                .console([.init(text: "two", errors: ["doorman: rejected (A): b"]), .init(text: "three")]),
            ])
        #expect(page.blocks.map(\.line) == [2, 6, 9, 12])
    }

    @Test("a folder can have a port in its name")
    func folderNamedLikeAPort() async throws {
        let page = Page(path: "right.md", text: "```sh\ntest \"$PWD\" = \"$HOME\"\n```")
        let (status, output) = try await PageRun.result(of: page, inFolderNamed: "doorman-page-\(getpid())-7117-7118")
        #expect(status == 0, "\(output)")
    }

    @Test(
        "a wrong example is found",
        arguments: ["```sh\nfalse\n```", "```console\n$ false\n```", "```console\n$ echo 'doorman: no'\n```"])
    func wrongExamples(text: String) async throws {
        #expect(try await PageRun.result(of: Page(path: "wrong.md", text: text)).status == 1)
    }
}
