/// How many calls somebody may make in a second, and how many of them may be saved up in quiet times.
package struct RateLimit: Sendable, Hashable {
    /// 1 to 1,000,000.
    package var perSecond: Int
    /// 1 to 1,000,000.
    package var burst: Int

    package init(perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }
}
