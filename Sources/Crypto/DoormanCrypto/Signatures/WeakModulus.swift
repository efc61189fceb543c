/// Detects RSA keys of a chip's library whose primes can be computed from the modulus (ROCA, CVE-2017-15361).
///
/// Their primes have the form k · M + 65537ᵃ mod M, where M is the product of the first primes. So the modulus is a power of 65537 modulo
/// each of them. For another modulus, that is about as likely as one in a hundred million.
enum WeakModulus {
    private static let primes = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127,
        131,
        137, 139, 149, 151, 157, 163, 167,
    ]

    /// Returns whether a modulus in big-endian order has the weakness.
    static func isWeak(_ modulus: [UInt8]) -> Bool {
        primes.allSatisfy { prime in
            let remainder = modulus.reduce(0) { ($0 * 256 + Int($1)) % prime }
            return isPower(remainder, modulo: prime)
        }
    }

    private static func isPower(_ number: Int, modulo prime: Int) -> Bool {
        var power = 1
        repeat {
            if power == number { return true }
            power = power * (65_537 % prime) % prime
        } while power != 1
        return false
    }
}
