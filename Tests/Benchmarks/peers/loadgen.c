// The load generator: N connections with D calls in flight each, on one thread that busy-polls while it measures. Sleeping would make
// the server pay for waking the other core, and that cost differs between servers.
//
// Closed loop: each response is followed by a request on the same connection. Open loop (--rate): requests are due at fixed times,
// and latency counts from the due time, also if all connections are busy. So the calls that a stall delays are counted.
#define _GNU_SOURCE
#include "loadgen.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "histogram.h"

enum { EVENTS = 512, MAX_SENT_AT_ONCE = 256, PROBLEMS = 16 };
static const uint64_t first_response_timeout = 10000000000, last_response_timeout = 10000000000;  // nanoseconds

static struct options options;
static struct connection *connections;
static struct tokens tokens;
static struct histogram latencies;
static int epoll;
static uint64_t now, measure_from, measure_to, idle_time, errors, in_flight, tokens_taken, calls_shed;

// The number of failed responses by their problem.
static struct { const char *text; uint64_t count; } problems[PROBLEMS];

// The free slots for calls in an open loop, by connection. The slot that was freed first comes first.
static struct { struct connection **ring; uint64_t first, count, capacity; } slots;

void give_up(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("loadgen: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    exit(1);
}

static void free_slot(struct connection *connection) {
    slots.ring[(slots.first + slots.count++) % slots.capacity] = connection;
}

// Problems are compared by address: each is a literal of a codec.
static void count_problem(const char *problem) {
    errors++;
    size_t kind = 0;
    while (kind < PROBLEMS - 1 && problems[kind].text != NULL && problems[kind].text != problem) kind++;
    if (problems[kind].text == NULL) problems[kind].text = kind < PROBLEMS - 1 ? problem : "another problem";
    problems[kind].count++;
}

void complete_call(struct connection *connection, struct call *call, const char *problem) {
    if (now == 0) now = monotonic_nanoseconds();
    if (problem != NULL) count_problem(problem);
    // An open loop counts the calls that were due in the measured time, a closed loop the calls completed in it.
    uint64_t counts_at = options.rate > 0 ? call->start : now;
    if (counts_at >= measure_from && counts_at < measure_to) histogram_add(&latencies, now - call->start);
    call->id = 0;
    connection->in_flight--;
    in_flight--;
    if (options.rate > 0) free_slot(connection);
}

// Picks a token at random with a constant seed (xorshift64*), or one after another.
static struct token next_token(void) {
    static uint64_t random = 0x9e3779b97f4a7c15;
    tokens_taken++;
    if (options.once) return tokens.tokens[tokens_taken - 1];
    random ^= random >> 12;
    random ^= random << 25;
    random ^= random >> 27;
    uint64_t high = (random * 0x2545f4914f6cdd1d) >> 32;
    return tokens.tokens[high * tokens.count >> 32];
}

static bool call(struct connection *connection, uint64_t start) {
    if (options.once && tokens_taken == tokens.count) return false;
    if (!connection_call(connection, options.target.codec, next_token(), start)) return false;
    in_flight++;
    return true;
}

// Each connection makes a call as soon as it is open. Then the server has accepted it, and its backlog never overflows.
static void open_connections(void) {
    for (uint32_t i = 0; i < options.connections; i++) {
        struct connection *connection = &connections[i];
        connection_open(connection, &options.target);
        struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = connection};
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, connection->fd, &event) < 0) give_up("epoll_ctl failed");
        uint64_t start = monotonic_nanoseconds();
        bool was_called = call(connection, start);
        connection_flush(connection);
        while (was_called && connection->in_flight > 0) {
            now = 0;
            connection_read(connection, options.target.codec);
            connection_flush(connection);
            if (monotonic_nanoseconds() - start > first_response_timeout) give_up("no response to the first call of a connection");
        }
    }
    // The first calls have left their slots. A slot that is in the ring twice would let one connection take the calls of all others.
    slots.first = slots.count = 0;
    // All slots of a connection, then those of the next. When several calls are due at once, because sending one takes longer than the
    // time between them, those on a connection share a write, as they would with any client.
    for (uint32_t i = 0; i < options.connections; i++)
        for (uint32_t slot = 0; slot < options.target.depth; slot++) free_slot(&connections[i]);
}

static void fill_up(struct connection *connection) {
    while (connection->in_flight < connection->depth && call(connection, now)) {}
}

// Reads from every connection with new bytes. Returns false if there were none. `is_over`: sends no further requests.
static bool poll_connections(bool is_over) {
    static struct epoll_event ready[EVENTS];
    int count = 1;
    // One connection needs no epoll.
    if (options.connections == 1) ready[0].data.ptr = &connections[0];
    // Filling is not measured, so it may sleep and leave the core to others.
    else count = epoll_wait(epoll, ready, EVENTS, options.once ? 1 : 0);
    bool has_arrived = false;
    for (int i = 0; i < count; i++) {
        struct connection *connection = ready[i].data.ptr;
        now = 0;
        if (!connection_read(connection, options.target.codec)) continue;
        has_arrived = true;
        if (now == 0) now = monotonic_nanoseconds();
        if (options.rate == 0 && !is_over) fill_up(connection);
        if (connection->out_length > 0) connection_flush(connection);
    }
    return has_arrived;
}

// Sends the due requests and returns when the next request is due.
static uint64_t send_due(uint64_t due_since, uint64_t *sent, uint64_t until) {
    struct connection *touched[MAX_SENT_AT_ONCE];
    uint32_t count = 0;
    uint64_t due = due_since + (uint64_t)((double)*sent * 1e9 / options.rate);
    while (due <= now && due < until && count < MAX_SENT_AT_ONCE) {
        if (slots.count > 0) {
            struct connection *connection = slots.ring[slots.first];
            if (!call(connection, due)) break;
            slots.first = (slots.first + 1) % slots.capacity;
            slots.count--;
            touched[count++] = connection;
        } else if (options.shed) {
            calls_shed++;
        } else {
            break;
        }
        due = due_since + (uint64_t)((double)++*sent * 1e9 / options.rate);
    }
    for (uint32_t i = 0; i < count; i++)
        if (touched[i]->out_length > 0) connection_flush(touched[i]);
    return due;
}

static void run(void) {
    uint64_t start = monotonic_nanoseconds(), sent = 0, before = start;
    if (!options.once) {
        measure_from = start + options.warm_up;
        measure_to = measure_from + options.duration;
    }
    if (options.rate == 0) {
        for (uint32_t i = 0; i < options.connections; i++) {
            now = monotonic_nanoseconds();
            fill_up(&connections[i]);
            connection_flush(&connections[i]);
        }
    }
    bool was_idle = false, is_over = false;
    for (;;) {
        now = monotonic_nanoseconds();
        if (was_idle && now >= measure_from && now < measure_to) idle_time += now - before;
        before = now;
        if (options.rate > 0) {
            uint64_t had_sent = sent;
            is_over = send_due(start, &sent, measure_to) >= measure_to;
            was_idle = sent == had_sent;
        } else {
            is_over = now >= measure_to || (options.once && tokens_taken == tokens.count);
            was_idle = true;
        }
        if (poll_connections(is_over)) was_idle = false;
        if (is_over && in_flight == 0) break;
        if (before > last_response_timeout && before - last_response_timeout > measure_to)
            give_up("%" PRIu64 " calls have no response 10 s after the end", in_flight);
    }
    if (options.once) measure_to = monotonic_nanoseconds();
}

static void print_problems(void) {
    for (size_t i = 0; i < PROBLEMS && problems[i].text != NULL; i++)
        fprintf(stderr, "loadgen: %" PRIu64 " responses failed: %s\n", problems[i].count, problems[i].text);
}

static void print_result(void) {
    double seconds = (double)(measure_to - measure_from) / 1e9;
    printf("protocol=%s connections=%u depth=%u offered=%.0f", options.target.codec->name, options.connections, options.target.depth,
        options.rate);
    printf(" seconds=%.3f requests=%" PRIu64 " rate=%.0f errors=%" PRIu64 " idle=%.3f", seconds, latencies.count,
        (double)latencies.count / seconds, errors, (double)idle_time / 1e9 / seconds);
    static const struct { const char *name; double part; } quantiles[] = {
        {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++)
        printf(" %s=%.1f", quantiles[i].name, (double)histogram_quantile(&latencies, quantiles[i].part) / 1e3);
    printf(" max=%.1f shed=%" PRIu64 "\n", (double)latencies.max / 1e3, calls_shed);
    fflush(stdout);
}

static void raise_file_limit(void) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

int main(int count, char **arguments) {
    options = read_options(count, arguments);
    tokens = read_tokens(options.tokens, options.keys);
    raise_file_limit();
    response_bytes = options.response_bytes;
    epoll = epoll_create1(0);
    connections = calloc(options.connections, sizeof *connections);
    slots.capacity = (uint64_t)options.connections * options.target.depth;
    slots.ring = calloc(slots.capacity, sizeof *slots.ring);
    if (epoll < 0 || connections == NULL || slots.ring == NULL) give_up("out of memory");
    if (options.once) {
        // All calls count.
        measure_from = monotonic_nanoseconds();
        measure_to = UINT64_MAX;
    }
    open_connections();
    if (options.hold) {
        puts("holding");
        fflush(stdout);
        for (;;) pause();
    }
    run();
    print_result();
    print_problems();
    return errors > 0;
}
