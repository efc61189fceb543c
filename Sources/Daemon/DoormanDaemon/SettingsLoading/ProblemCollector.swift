/// Collects the problems of several checks, so that an operator sees all of them at once.
struct ProblemCollector {
    private var problems: [String]

    init(_ problems: [String] = []) {
        self.problems = problems
    }

    var isEmpty: Bool { problems.isEmpty }

    /// All problems so far.
    var error: ConfigurationError { ConfigurationError(problems: problems) }

    /// Performs a check, and keeps the problems that it throws.
    ///
    /// - Returns: The value of the check; `nil` if it failed.
    @discardableResult
    mutating func collect<Value>(_ check: @autoclosure () throws(ConfigurationError) -> Value) -> Value? {
        do throws(ConfigurationError) {
            return try check()
        } catch {
            problems += error.problems
            return nil
        }
    }

    mutating func add(_ further: [String]) {
        problems += further
    }

    /// - Throws: ``ConfigurationError`` with all problems, if there are any.
    func throwIfAny() throws(ConfigurationError) {
        guard isEmpty else { throw error }
    }
}
