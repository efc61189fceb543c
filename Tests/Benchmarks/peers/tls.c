#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>

#include "codec.h"

// A read takes many records from the kernel at once, as the servers' reads do.
enum { READ_AHEAD = 64 << 10 };

static SSL_CTX *context_for(const char *ca) {
    static SSL_CTX *context;
    if (context != NULL) return context;
    context = SSL_CTX_new(TLS_client_method());
    if (context == NULL) give_up("out of memory");
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    bool is_set = SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256") == 1;
    if (!is_set || SSL_CTX_load_verify_file(context, ca) != 1) give_up("%s: not an authority", ca);
    return context;
}

struct tls *tls_open(int fd, const char *ca) {
    SSL *ssl = SSL_new(context_for(ca));
    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 || SSL_set1_host(ssl, "localhost") != 1) give_up("out of memory");
    if (SSL_connect(ssl) != 1) give_up("TLS: %s", ERR_reason_error_string(ERR_peek_error()));
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0) give_up("fcntl failed");
    return (struct tls *)ssl;
}

// Returns the result of a call that has transferred nothing.
static ssize_t nothing(SSL *ssl, int result) {
    int error = SSL_get_error(ssl, result);
    if (error == SSL_ERROR_ZERO_RETURN) return 0;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) errno = EAGAIN;
    else if (error != SSL_ERROR_SYSCALL) errno = EPROTO;
    return -1;
}

ssize_t tls_send(struct tls *tls, const void *bytes, size_t count) {
    SSL *ssl = (SSL *)tls;
    size_t written;
    ERR_clear_error();
    int result = SSL_write_ex(ssl, bytes, count, &written);
    return result == 1 ? (ssize_t)written : nothing(ssl, result);
}

ssize_t tls_receive(struct tls *tls, void *bytes, size_t capacity) {
    SSL *ssl = (SSL *)tls;
    size_t total = 0, count;
    int result = 1;
    ERR_clear_error();
    // A read returns one record at most.
    while (total < capacity && (result = SSL_read_ex(ssl, (char *)bytes + total, capacity - total, &count)) == 1) total += count;
    return total > 0 ? (ssize_t)total : nothing(ssl, result);
}
