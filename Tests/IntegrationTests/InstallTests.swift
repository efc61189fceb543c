import Foundation
import TestKit
import Testing

@Suite("Scripts/install", .serialized, .timeLimit(.minutes(2)))
struct InstallTests {
    private static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    private static let built = URL(fileURLWithPath: ChildProcess.built("doorman")).deletingLastPathComponent().path

    private static func isInstalled(_ programs: String...) -> Bool {
        programs.allSatisfy { program in
            (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
                .contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(program)") }
        }
    }

    private var environment: [String: String] {
        // Leaks don't matter while a program under a sanitizer prints its help.
        ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? "", "ASAN_OPTIONS": "detect_leaks=0"]
    }

    private func run(
        _ program: String, _ arguments: [String], _ more: [String: String] = [:], input: String = ""
    ) async throws -> ChildProcess {
        let process = try ChildProcess(program, arguments, environment: environment.merging(more) { $1 }, input: input)
        _ = try await process.ending()
        return process
    }

    @Test(
        "installs under DESTDIR and prefix",
        .enabled(if: isInstalled("python3", "bash")))
    func install() async throws {
        try await withTemporaryFolder { folder in
            let script = Self.root.appendingPathComponent("Scripts/install").path
            let arguments = ["--prefix", "/opt/doorman", "--from", Self.built]
            let installed = try await run(script, arguments, ["DESTDIR": folder.path])
            #expect(try await installed.ending() == 0, "\(installed.allOutput)")
            let files = [
                "bin/doormand", "bin/doorman", "bin/account-kit-emulator", "share/man/man1/doormand.1", "share/man/man1/doorman.1",
                "share/man/man1/account-kit-emulator.1", "share/bash-completion/completions/doorman",
                "share/zsh/site-functions/_doorman", "share/fish/vendor_completions.d/doorman.fish", "share/doorman/doorman.binpb",
            ].map { folder.appendingPathComponent("opt/doorman/" + $0).path }
            for file in files {
                #expect(installed.output.contains("install: \(file)\n"))
                #expect((try FileManager.default.attributesOfItem(atPath: file)[.size] as? Int).map { $0 > 100 } == true, "\(file)")
            }
            let completion = try await run("bash", ["-c", #". "$0"; complete -p doorman"#, files[6]])
            #expect(completion.output.hasSuffix("doorman\n"), "\(completion.allOutput)")

            let removed = try await run(script, arguments + ["--uninstall"], ["DESTDIR": folder.path])
            #expect(try await removed.ending() == 0, "\(removed.allOutput)")
            let left = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { path in
                var isFolder: ObjCBool = false
                let whole = folder.appendingPathComponent(path).path
                let exists = unsafe FileManager.default.fileExists(atPath: whole, isDirectory: &isFolder)
                return exists && !isFolder.boolValue
            }
            #expect(left.isEmpty)
        }
    }

    @Test("prints its usage after wrong use", arguments: [["--prefix", "here"], ["--prefix"], ["--nope"]])
    func wrongUse(arguments: [String]) async throws {
        let script = Self.root.appendingPathComponent("Scripts/install").path
        let run = try await run(script, arguments)
        #expect(try await run.ending() == 2)
        #expect(run.output.isEmpty && run.errorOutput.contains("usage: install"), "\(run.allOutput)")
    }

    @Test(
        "makes manual pages that groff sets without a warning",
        .enabled(if: isInstalled("python3", "groff")), arguments: ["doorman", "doormand", "account-kit-emulator"])
    func manual(program: String) async throws {
        let script = Self.root.appendingPathComponent("Scripts/generate-manual").path
        let page = try await run(script, [ChildProcess.built(program)])
        #expect(try await page.ending() == 0, "\(page.errorOutput)")
        let set = try await run("groff", ["-man", "-ww", "-Tascii", "-P-cbou"], input: page.output)
        #expect(set.errorOutput.isEmpty, "\(set.errorOutput)")
        let expected =
            switch program {
            case "doorman": ["doorman accounts delete ids...", "DOORMAN_CA_FILE", "--wait", "EXIT CODES", "doormand(1)"]
            case "doormand": ["SETTINGS", "--cache-ttl", "doorman(1)"]
            default: ["--write-app-secret file", "doorman(1)"]
            }
        for words in expected { #expect(set.output.contains(words), "\(words)") }
    }
}
