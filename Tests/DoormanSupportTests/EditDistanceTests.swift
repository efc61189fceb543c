import DoormanSupport
import Testing

@Suite("Edit distance")
struct EditDistanceTests {
    @Test(
        "a distance counts insertions, deletions, replacements and swaps",
        arguments: [
            ("", "", 0), ("", "abc", 3), ("verify", "verify", 0), ("verify", "verfy", 1), ("verfy", "verify", 1),
            ("verify", "verifi", 1), ("verify", "evrify", 1), ("ttl", "tll", 1), ("stats", "bench", 5), ("ca", "abc", 3),
        ])
    func distance(first: String, second: String, distance: Int) {
        #expect(EditDistance.between(first, second) == distance)
        #expect(EditDistance.between(second, first) == distance)
    }
}
