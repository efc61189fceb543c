private import Glibc

/// Ends the process if what must always be true is not: to libFuzzer that is a crash, whose input it keeps.
///
/// `precondition` would do as well, but says nothing in a build that is optimized.
///
/// - Parameter rule: What must always be true.
package func require(
    _ condition: Bool, _ rule: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    guard !condition else { return }
    let message = Array("BROKEN: \(rule()) (\(file):\(line))\n".utf8)
    _ = unsafe write(STDERR_FILENO, message, message.count)
    abort()
}
