internal import Foundation

/// Runs a fuzzer on the files that are its arguments: what the program does where libFuzzer's `main` is not in it.
///
/// - Parameter test: The fuzzer, as libFuzzer calls it.
package func replay(_ test: (UnsafePointer<UInt8>, Int) -> CInt) throws {
    for path in CommandLine.arguments.dropFirst() {
        // One byte more, since there is no pointer to nothing.
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) + [0]
        unsafe bytes.withUnsafeBufferPointer { bytes in
            if let start = bytes.baseAddress { _ = unsafe test(start, bytes.count - 1) }
        }
    }
    print("replayed \(CommandLine.arguments.count - 1) inputs")
}
