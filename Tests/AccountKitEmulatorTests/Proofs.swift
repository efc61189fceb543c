/// Proofs from `openssl dgst -sha256 -hmac <secret>`, so that the emulator's own proofs are not their only check.
enum Proofs {
    // Under the first app's secret.
    static let vector = "02ac911642fd387c6850a3c758fb1b7a7552543aa285341ce44f77318b84e704"
    static let phone = "6b4ea1855286daf4b447c7dc8c0f016eaee8bf111eefbb81fdb935f90c0356fe"
    static let mail = "9132b9bdbfdcaa428ede734f1d97287947058616738335faa62d4dbd56e231c1"
    static let gone = "1f44011b2aaeb5de56b5942c7d00e79c05e976cedebbe6bdde7fb47bacccae91"
    static let firstApp = "77e5f6b889a2559d4f8bbd62e194e495369ee678fb20418f1a62a6fdef411de3"
    /// The proof of the second app's token under the first app's secret.
    static let foreign = "66e2219e296544524ac5091140ddf9a7879045f3badfe534c6ad148a3e938a17"
    // Under the second app's secret.
    static let second = "7f315af9642a74281368b3379328ac5cd5d839ff1f988d9ad046637a2d03abd7"
}
