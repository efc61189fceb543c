internal import Foundation

/// Runs a fuzzer on the files given as arguments. This is the program's `main` without libFuzzer.
///
/// - Parameter test: The function that libFuzzer calls.
package func replay(_ test: (UnsafePointer<UInt8>, Int) -> CInt) throws {
    for path in CommandLine.arguments.dropFirst() {
        // One extra byte, because an empty array has no pointer.
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) + [0]
        unsafe bytes.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress { _ = unsafe test(start, bytes.count - 1) }
        }
    }
    print("replayed \(CommandLine.arguments.count - 1) inputs")
}
