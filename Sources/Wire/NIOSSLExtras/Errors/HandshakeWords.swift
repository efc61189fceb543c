/// Words in the messages about failed handshakes. They tell the causes apart, so that a program can name the next step.
package enum HandshakeWords {
    package static let expired = "has expired"
    package static let notYetValid = "is not valid yet"
    package static let untrusted = "not from a trusted authority"
    package static let otherName = "certificate is not for"
    package static let clientCertificate = "client certificate"
    package static let closed = "closed the connection during"
    package static let notTLS = "doesn't speak TLS"
}
