#define _GNU_SOURCE
#include "connection.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tls.h"

enum { IN = 256 << 10, LONGEST_HELD = IN / 2 };
static const uint64_t write_timeout = 5000000000;  // nanoseconds

uint64_t monotonic_nanoseconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static void *allocate(size_t size) {
    void *bytes = calloc(1, size);
    if (bytes == NULL) give_up("out of memory");
    return bytes;
}

static int open_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) give_up("%s: too long for a Unix socket", path);
    strcpy(address.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) give_up("%s: %s", path, strerror(errno));
    return fd;
}

static int open_tcp(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address;
    int problem = getaddrinfo(host, port, &hints, &address), on = 1;
    if (problem != 0) give_up("%s:%s: %s", host, port, gai_strerror(problem));
    int fd = socket(address->ai_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, address->ai_addr, address->ai_addrlen) < 0) give_up("%s:%s: %s", host, port, strerror(errno));
    freeaddrinfo(address);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void connection_open(struct connection *connection, const struct target *target) {
    uint32_t slots = 1;
    // Extra slots, so that few ids are skipped because an older call has their slot.
    while (slots < 4 * target->depth) slots *= 2;
    *connection = (struct connection){
        .fd = target->unix_path != NULL ? open_unix(target->unix_path) : open_tcp(target->host, target->port),
        .next_id = 1,
        .depth = target->depth,
        .mask = slots - 1,
        .calls = allocate(slots * sizeof(struct call)),
        .out = allocate(OWN_FRAMES + (size_t)target->depth * LONGEST_REQUEST),
        .state = target->codec->state_size > 0 ? allocate(target->codec->state_size) : NULL,
    };
    if (target->tls_ca != NULL) connection->tls = tls_open(connection->fd, target->tls_ca);
    if (target->codec->greet != NULL) target->codec->greet(connection);
}

bool connection_call(struct connection *connection, const struct codec *codec, struct token token, uint64_t start) {
    uint32_t id = connection->next_id;
    while (connection->calls[(id / 2) & connection->mask].id != 0) id += 2;
    size_t length = codec->request(connection, id, token, connection->out + connection->out_length);
    if (length == 0) return false;
    connection->calls[(id / 2) & connection->mask] = (struct call){.id = id, .start = start};
    connection->next_id = id + 2;
    connection->out_length += length;
    connection->in_flight++;
    return true;
}

static ssize_t transmit(struct connection *connection, const uint8_t *bytes, size_t count) {
    if (connection->tls != NULL) return tls_send(connection->tls, bytes, count);
    return send(connection->fd, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static ssize_t receive(struct connection *connection, uint8_t *bytes, size_t capacity) {
    if (connection->tls != NULL) return tls_receive(connection->tls, bytes, capacity);
    return recv(connection->fd, bytes, capacity, MSG_DONTWAIT);
}

void connection_flush(struct connection *connection) {
    size_t written = 0;
    uint64_t give_up_at = 0;
    while (written < connection->out_length) {
        ssize_t count = transmit(connection, connection->out + written, connection->out_length - written);
        if (count >= 0) {
            written += (size_t)count;
        } else if (errno != EAGAIN && errno != EINTR) {
            give_up("send: %s", strerror(errno));
        } else if (give_up_at == 0) {
            // The calls in flight of a connection fit into its socket's buffer, so this is rare and needs no epoll.
            give_up_at = monotonic_nanoseconds() + write_timeout;
        } else if (monotonic_nanoseconds() > give_up_at) {
            give_up("the server does not read");
        }
    }
    connection->out_length = 0;
}

static void hold(struct connection *connection, const uint8_t *bytes, size_t length) {
    if (length > LONGEST_HELD) give_up("a response is too long");
    if (length > connection->held_capacity) {
        free(connection->held);
        connection->held = allocate(length * 2);
        connection->held_capacity = length * 2;
    }
    if (length > 0) memcpy(connection->held, bytes, length);
    connection->held_length = length;
}

bool connection_read(struct connection *connection, const struct codec *codec) {
    static uint8_t in[IN];
    bool has_arrived = false;
    // Edge-triggered epoll reports new bytes once, so a read that fills its buffer must be followed by another read.
    for (;;) {
        size_t length = connection->held_length;
        if (length > 0) memcpy(in, connection->held, length);
        ssize_t count = receive(connection, in + length, sizeof in - length);
        if (count == 0) give_up("the server has closed a connection");
        if (count < 0) {
            if (errno == EAGAIN || errno == EINTR) return has_arrived;
            give_up("recv: %s", strerror(errno));
        }
        has_arrived = true;
        bool is_drained = (size_t)count < sizeof in - length;
        length += (size_t)count;
        size_t done = codec->decode(connection, in, length);
        hold(connection, in + done, length - done);
        if (is_drained) return true;
    }
}
