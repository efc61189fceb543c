internal import ArgumentParser

extension String {
    /// Checks the id or name of an option. Servers take an empty one for any, so that a variable which is not set would switch a check off.
    init(notEmpty text: String) throws(ValidationError) {
        guard !text.isEmpty else { throw ValidationError("it is empty: leave the option out for any") }
        self = text
    }
}
