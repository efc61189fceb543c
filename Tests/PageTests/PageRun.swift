import Foundation
import TestKit

/// The examples of a page, run one after the other by one shell in an empty folder, with our programs in its `PATH`.
///
/// The ports of the page, 7117, 7118, 7119 and 6379, are replaced by free ones. What the examples leave running is ended at the end.
struct PageRun {
    private let page: Page
    private let folder: URL
    private let ports: (doormand: Int, emulator: Int, admin: Int, store: Int)

    private init(_ page: Page, in folder: URL) throws {
        self.page = page
        self.folder = folder
        ports = (try FreePort.find(), try FreePort.find(), try FreePort.find(), try FreePort.find())
    }

    /// Runs all examples of a page in a folder of their own.
    ///
    /// - Parameter name: The name of the folder. It can hold digits that look like a port.
    /// - Returns: The exit code of the shell, and all that it printed.
    static func result(
        of page: Page, inFolderNamed name: String = "doorman-page-\(UInt32.random(in: .min ... .max))"
    ) async throws -> (status: Int32, output: String) {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        return try await PageRun(page, in: folder).run()
    }

    private func run() async throws -> (status: Int32, output: String) {
        let programs = folder.appendingPathComponent(".bin")
        try FileManager.default.createDirectory(at: programs, withIntermediateDirectories: true)
        for (name, text) in wrappers {
            let file = programs.appendingPathComponent(name)
            try text.write(to: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file.path)
        }
        let script = folder.appendingPathComponent(".page.sh")
        try text.write(to: script, atomically: true, encoding: .utf8)
        let path = programs.path + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        // `timeout` puts all processes into one group, and ends that.
        let shell = try ChildProcess(
            "timeout", ["--kill-after=5", "120", "bash", script.path],
            environment: [
                "PATH": path, "HOME": folder.path, "DOORMAN_ADDRESS": "127.0.0.1:\(ports.doormand)",
                "DOORMAN_EMULATOR": "http://127.0.0.1:\(ports.emulator)",
            ])
        let status = try await shell.ending(within: .seconds(150))
        return (status, shell.allOutput)
    }

    private var text: String {
        """
        set -euo pipefail
        cd '\(folder.path)'

        """
            + examples.replacing(/711[789]|6379/) { port in
                // All at once, because a free port can hold the digits of another one.
                switch port.output {
                case "7117": "\(ports.doormand)"
                case "7118": "\(ports.emulator)"
                case "7119": "\(ports.admin)"
                default: "\(ports.store)"
                }
            }
    }

    private var examples: String {
        var text = """
            trap 'exit 143' TERM
            trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT
            exec </dev/null
            failed() { printf '%s: %s\\n' "$1" "$2" >&2; exit 1; }

            """
        for block in page.blocks {
            guard let example = block.example else { continue }
            let place = "\(page.path):\(block.line)"
            text += "echo '=== \(place)'\n"
            switch example {
            case .script(let lines): text += lines.joined(separator: "\n") + "\n"
            case .file(let name, let lines):
                text += "cat >\(quoted(name)) <<'END_OF_FILE'\n\(lines.joined(separator: "\n"))\nEND_OF_FILE\n"
            case .console(let commands): text += commands.map { console($0, at: place) }.joined()
            }
        }
        return text
    }

    /// Runs a command and compares its errors. A command may fail if the page shows an error.
    private func console(_ command: Page.Command, at place: String) -> String {
        """
        status=0
        { \(command.text)
        } >.output 2>.errors || status=$?
        cat .output .errors
        grep -hE '^(doorman|doormand): ' .output .errors >.actual || true
        printf '%s' \(quoted(command.errors.map { $0 + "\n" }.joined())) >.expected
        diff .expected .actual >&2 || failed '\(place)' 'the errors are not those of the page (<)'
        [ "$status" = 0 ] || [ -s .expected ] || failed '\(place)' "exit code $status"

        """
    }

    private var wrappers: [(name: String, text: String)] {
        let (doormand, emulator) = (ChildProcess.built("doormand"), ChildProcess.built("account-kit-emulator"))
        return [
            (
                "doorman",
                """
                #!/bin/sh
                case "$*" in dev|"dev -"*)
                    shift
                    set -- dev --port \(ports.doormand) --emulator-port \(ports.emulator) "$@" ;;
                esac
                exec '\(ChildProcess.built("doorman"))' "$@"

                """
            ),
            (
                "doormand",
                """
                #!/bin/sh
                # The default ports are those of the page, unless the arguments or a settings file name others.
                files=$(ls *.yaml *.json 2>/dev/null || true)
                case " $* " in *--server-address*) ;; *)
                    if [ -z "$files" ] || ! grep -qs '^ *address:' $files; then
                        export DOORMAN_SERVER_ADDRESS=127.0.0.1:\(ports.doormand)
                    fi ;;
                esac
                # A page that sets no address of the admin pages has one server with the default, or none that it reads.
                export DOORMAN_ADMIN_ADDRESS="${DOORMAN_ADMIN_ADDRESS:-127.0.0.1:\(ports.admin)}"
                exec '\(doormand)' "$@"

                """
            ),
            (
                "account-kit-emulator",
                """
                #!/bin/sh
                case " $* " in *" --port "*) exec '\(emulator)' "$@" ;; esac
                exec '\(emulator)' --port \(ports.emulator) "$@"

                """
            ),
        ]
    }

    private func quoted(_ text: String) -> String { "'" + text.replacing("'", with: "'\\''") + "'" }
}
