// The ceiling: the fastest possible server of Doorman's frames. It responds to each whole frame with a constant, with one read and
// one write per wake-up, on one thread. A server's difference from it is its cost beside the kernel.
//   ceiling --response-bytes N     prints its port and serves until it is killed
#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 10, RESPONSE = 2, IN = 64 << 10, EVENTS = 512, LONGEST_RESPONSE = 1024, CONNECTIONS = 1 << 16 };

// The beginning of an unfinished frame. Requests are a few hundred bytes.
static struct held { uint16_t length; uint8_t bytes[2048]; } *held[CONNECTIONS];
static uint8_t response[HEADER + LONGEST_RESPONSE];
static size_t response_length;

static void die(const char *what) {
    perror(what);
    exit(1);
}

// A ttrpc.Response with a payload of `bytes` bytes.
static void make_response(size_t bytes) {
    uint8_t *at = response + HEADER;
    *at++ = 2 << 3 | 2;
    if (bytes >= 0x80) *at++ = (uint8_t)(bytes | 0x80);
    *at++ = (uint8_t)(bytes >= 0x80 ? bytes >> 7 : bytes);
    memset(at, 'i', bytes);
    uint32_t data = (uint32_t)(at + bytes - (response + HEADER));
    response[2] = (uint8_t)(data >> 8);
    response[3] = (uint8_t)data;
    response[8] = RESPONSE;
    response_length = HEADER + data;
}

static void end(int fd) {
    free(held[fd]);
    held[fd] = NULL;
    close(fd);
}

static void serve(int fd) {
    static uint8_t in[IN], out[IN];
    size_t length = 0, done = 0, written = 0;
    if (held[fd] != NULL) {
        length = held[fd]->length;
        memcpy(in, held[fd]->bytes, length);
    }
    ssize_t got = recv(fd, in + length, sizeof in - length, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) end(fd);
        return;
    }
    length += (size_t)got;
    while (length - done >= HEADER) {
        uint32_t data = (uint32_t)in[done + 2] << 8 | in[done + 3];
        if (length - done < HEADER + data || written + response_length > sizeof out) break;
        memcpy(out + written, response, response_length);
        memcpy(out + written + 4, in + done + 4, 4);
        written += response_length;
        done += HEADER + data;
    }
    size_t left = length - done;
    if (left > sizeof held[fd]->bytes) {
        end(fd);
        return;
    }
    if (left > 0 && held[fd] == NULL && (held[fd] = malloc(sizeof *held[fd])) == NULL) die("ceiling: memory");
    if (held[fd] != NULL) {
        held[fd]->length = (uint16_t)left;
        memcpy(held[fd]->bytes, in + done, left);
    }
    // Responses are smaller than requests, and the load generator bounds their number, so they fit into the socket's buffer.
    if (written > 0 && send(fd, out, written, MSG_NOSIGNAL) != (ssize_t)written) end(fd);
}

static void accept_all(int listener, int epoll) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        int on = 1;
        if (fd >= CONNECTIONS) { close(fd); continue; }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("ceiling: epoll_ctl");
    }
}

int main(int count, char **arguments) {
    int bytes = count == 3 && strcmp(arguments[1], "--response-bytes") == 0 ? atoi(arguments[2]) : 0;
    if (bytes < 1 || bytes > LONGEST_RESPONSE - 8) {
        fprintf(stderr, "usage: ceiling --response-bytes N\n");
        return 2;
    }
    make_response((size_t)bytes);
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), epoll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    if (listener < 0 || epoll < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 4096) < 0
        || getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        die("ceiling: listen");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) die("ceiling: epoll_ctl");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == listener) accept_all(listener, epoll);
            else serve(events[i].data.fd);
        }
    }
}
