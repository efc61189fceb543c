// TLS 1.3 for the load generator, with OpenSSL. Each server checks and encrypts the same bytes with the same cipher.
#pragma once

#include <stddef.h>
#include <sys/types.h>

struct tls;

// Makes a connected socket a TLS connection, and the socket non-blocking. Ends the program if the handshake fails.
//
// ca: path to the authority that signed the server's certificate, which must name localhost.
struct tls *tls_open(int fd, const char *ca);

// Like send(2) and recv(2) with MSG_DONTWAIT.
ssize_t tls_send(struct tls *, const void *bytes, size_t count);
ssize_t tls_receive(struct tls *, void *bytes, size_t capacity);
