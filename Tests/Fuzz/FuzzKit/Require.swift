private import Glibc

/// Aborts if a rule is broken. libFuzzer takes this for a crash and keeps the input.
///
/// Unlike `precondition`, it prints a message in optimized builds.
///
/// - Parameter rule: The rule as a sentence.
package func require(
    _ condition: Bool, _ rule: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) {
    guard !condition else { return }
    let message = Array("BROKEN: \(rule()) (\(file):\(line))\n".utf8)
    _ = unsafe write(STDERR_FILENO, message, message.count)
    abort()
}
