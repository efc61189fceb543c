/// How many calls somebody may make in a second, and how many of them may be saved up in quiet times.
package struct CallBudget: Sendable, Hashable {
    /// 1 to 1,000,000.
    package var perSecond: Int
    /// 1 to 1,000,000.
    package var saved: Int

    package init(perSecond: Int, saved: Int) {
        self.perSecond = perSecond
        self.saved = saved
    }
}
