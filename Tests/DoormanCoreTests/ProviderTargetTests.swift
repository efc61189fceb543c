import DoormanCore
import Testing

@Suite("The provider and the application of a denial")
struct ProviderTargetTests {
    private static let identity = Identity(
        accountID: "1", applicationID: "shop", provider: "corp", verifiedAt: Timestamp(millisecondsSince1970: 0))

    @Test(
        "a target covers a token if each name in it is the token's own",
        arguments: [
            (nil, nil, true), ("corp", nil, true), (nil, "shop", true), ("corp", "shop", true),
            ("other", nil, false), (nil, "other", false), ("other", "shop", false), ("corp", "other", false),
            ("other", "other", false), ("shop", "corp", false), ("", nil, false), (nil, "", false),
        ] as [(String?, String?, Bool)])
    func covers(provider: String?, application: String?, isCovered: Bool) {
        let target = ProviderTarget(provider: provider, applicationID: application)
        #expect(target.covers(Self.identity) == isCovered)
        #expect(ProviderTarget.all(covering: Self.identity).contains(target) == isCovered)
    }

    @Test("four targets cover a token")
    func all() {
        #expect(Set(ProviderTarget.all(covering: Self.identity)).count == 4)
    }
}
