#include "doorman_curl_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct doorman_curl_sockets {
    unsigned int user_timeout;
    size_t count;
    size_t capacity;
    curl_socket_t *open;
};

doorman_curl_sockets *doorman_curl_sockets_create(unsigned int user_timeout) {
    doorman_curl_sockets *sockets = calloc(1, sizeof(*sockets));
    if (sockets != NULL) sockets->user_timeout = user_timeout;
    return sockets;
}

void doorman_curl_sockets_destroy(doorman_curl_sockets *sockets) {
    free(sockets->open);
    free(sockets);
}

// CURLOPT_SOCKOPTFUNCTION(3): a new socket, not yet connected.
static int opened(void *context, curl_socket_t socket, curlsocktype purpose) {
    doorman_curl_sockets *sockets = context;
    (void)purpose;
    // Best effort: a socket that does not know the option is used without it.
    (void)setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &sockets->user_timeout, sizeof(sockets->user_timeout));
    for (size_t index = 0; index < sockets->count; index++) {
        // The kernel has given the number again, so the socket that had it is closed.
        if (sockets->open[index] == socket) return CURL_SOCKOPT_OK;
    }
    if (sockets->count == sockets->capacity) {
        size_t capacity = sockets->capacity == 0 ? 16 : 2 * sockets->capacity;
        curl_socket_t *larger = realloc(sockets->open, capacity * sizeof(*larger));
        if (larger == NULL) return CURL_SOCKOPT_ERROR;
        sockets->open = larger;
        sockets->capacity = capacity;
    }
    sockets->open[sockets->count++] = socket;
    return CURL_SOCKOPT_OK;
}

// CURLOPT_CLOSESOCKETFUNCTION(3): to be called in place of close(2).
static int closing(void *context, curl_socket_t socket) {
    doorman_curl_sockets *sockets = context;
    for (size_t index = 0; index < sockets->count; index++) {
        if (sockets->open[index] == socket) {
            sockets->open[index] = sockets->open[--sockets->count];
            break;
        }
    }
    return close(socket) == 0 ? 0 : 1;
}

CURLcode doorman_curl_sockets_track(doorman_curl_sockets *sockets, CURL *easy) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_SOCKOPTDATA, sockets);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_SOCKOPTFUNCTION, opened);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets);
    if (code == CURLE_OK) code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, closing);
    return code;
}

typedef int (*name_function)(int, struct sockaddr *, socklen_t *);

// Whether getsockname(2) or getpeername(2) of the socket is this address.
static bool is_named(curl_socket_t socket, name_function name, const char *ip, int port) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t length = sizeof(address);
    if (name(socket, &address.any, &length) != 0) return false;
    char text[INET6_ADDRSTRLEN];
    switch (address.any.sa_family) {
    case AF_INET:
        if (ntohs(address.v4.sin_port) != port) return false;
        if (inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof(text)) == NULL) return false;
        break;
    case AF_INET6:
        if (ntohs(address.v6.sin6_port) != port) return false;
        if (inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof(text)) == NULL) return false;
        break;
    default: return false;
    }
    return strcmp(text, ip) == 0;
}

static bool has_unread_bytes(curl_socket_t socket) {
    char byte;
    // The end of the connection counts as well: a request would fail, and one that can be repeated is better sent on another connection.
    return !(recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == EWOULDBLOCK));
}

// Stores the TLS session of the transfer's connection, or NULL without TLS. Returns whether it can be told.
static bool find_session(CURL *easy, SSL **ssl) {
    struct curl_tlssessioninfo *info = NULL;
    if (curl_easy_getinfo(easy, CURLINFO_TLS_SSL_PTR, &info) != CURLE_OK || info == NULL) return false;
    *ssl = info->internals;
    return info->backend == CURLSSLBACKEND_OPENSSL || info->internals == NULL;
}

static bool speaks_http2(const SSL *ssl) {
    const unsigned char *protocol = NULL;
    unsigned int length = 0;
    SSL_get0_alpn_selected(ssl, &protocol, &length);
    return length == 2 && memcmp(protocol, "h2", 2) == 0;
}

bool doorman_curl_connection_speaks_http2(CURL *easy) {
    SSL *ssl = NULL;
    return find_session(easy, &ssl) && ssl != NULL && speaks_http2(ssl);
}

bool doorman_curl_connection_is_clean(
    const doorman_curl_sockets *sockets, CURL *easy, const char *remote_ip, int remote_port, const char *local_ip, int local_port,
    bool is_new) {
    SSL *ssl = NULL;
    if (!find_session(easy, &ssl)) return false;
    if (ssl != NULL) {
        if (speaks_http2(ssl)) return true;
        if (SSL_has_pending(ssl)) return false;
        if (is_new) return true;
    }
    for (size_t index = 0; index < sockets->count; index++) {
        curl_socket_t socket = sockets->open[index];
        if (is_named(socket, getsockname, local_ip, local_port) && is_named(socket, getpeername, remote_ip, remote_port))
            return !has_unread_bytes(socket);
    }
    return false;
}
