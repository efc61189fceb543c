// The sockets that libcurl has open, and whether the one that a request is about to use holds bytes that no request asked for.
//
// libcurl 7.88 sends a request on an HTTP/1.1 connection that has unread bytes, and takes these for the response. One stray response
// would so give every later request on the connection the response of the request before.
#ifndef DOORMAN_CURL_SOCKETS_H
#define DOORMAN_CURL_SOCKETS_H

#include <curl/curl.h>
#include <stdbool.h>

typedef struct doorman_curl_sockets doorman_curl_sockets;

// Returns NULL without memory. `user_timeout` is how many milliseconds sent bytes may stay unacknowledged: TCP_USER_TIMEOUT of tcp(7).
doorman_curl_sockets *doorman_curl_sockets_create(unsigned int user_timeout);

// To be called after the multi handle whose transfers use it has been cleaned up.
void doorman_curl_sockets_destroy(doorman_curl_sockets *sockets);

// Has every socket that is opened for this handle noted. libcurl 7.88 does not report the end of a socket that was never connected; its entry
// goes when its number is used again.
CURLcode doorman_curl_sockets_track(doorman_curl_sockets *sockets, CURL *easy);

// Whether the connection has no unread bytes, for use in a CURLOPT_PREREQFUNCTION with the callback's own addresses and ports.
//
// True for HTTP/2, whose frames name their requests, and for a new TLS connection, on which the server may have sent session tickets.
// False if the socket or the TLS session can't be told. It knows nothing of a TLS session with a proxy.
bool doorman_curl_connection_is_clean(
    const doorman_curl_sockets *sockets, CURL *easy, const char *remote_ip, int remote_port, const char *local_ip, int local_port,
    bool is_new);

// Whether the transfer's connection speaks HTTP/2 over TLS, for use in a CURLOPT_PREREQFUNCTION. CURLINFO_HTTP_VERSION is not known there.
bool doorman_curl_connection_speaks_http2(CURL *easy);

#endif
