#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loadgen.h"

uint32_t response_bytes;

static const struct codec *codecs[] = {&redis_codec, &ttrpc_codec, &grpc_codec, &http_codec};

static _Noreturn void usage(void) {
    fputs(
        "usage: loadgen --protocol redis|ttrpc|grpc|http (--connect HOST:PORT | --unix PATH) --tokens FILE --response-bytes N\n"
        "  --connections N  default 1             --depth D     calls in flight on each, default 1\n"
        "  --seconds S      measured, default 1   --warm-up S   before that, default 0.2\n"
        "  --rate R         requests per second in an open loop; default closed loop\n"
        "  --tls FILE       TLS; the authority that signed the certificate of localhost\n"
        "  --shed           with a rate: skip calls that are due while no slot is free\n"
        "  --keys K         only the first K tokens    --once   each token once, then end    --hold   connect, call once, stay\n"
        "N is the length of an identity or value; for http, of a whole response. 0 accepts any length (ttrpc only: freshness changes it).\n"
        "Prints one line: requests and their rate, errors, the idle part of the time, and latencies in microseconds.\n"
        "Exits with 1 if a response failed, and prints the problems.\n",
        stderr);
    exit(2);
}

static double number(const char *text, double least, double most) {
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (errno != 0 || *end != 0 || end == text || !(value >= least && value <= most)) usage();
    return value;
}

static const struct codec *codec_named(const char *name) {
    for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
        if (strcmp(codecs[i]->name, name) == 0) return codecs[i];
    usage();
}

static void set_address(struct target *target, char *text) {
    char *colon = strrchr(text, ':');
    if (colon == NULL) usage();
    *colon = 0;
    target->host = text;
    target->port = colon + 1;
}

struct options read_options(int count, char **arguments) {
    static const struct option known[] = {
        {"protocol", 1, 0, 'p'}, {"connect", 1, 0, 'c'}, {"unix", 1, 0, 'u'},   {"tokens", 1, 0, 't'}, {"response-bytes", 1, 0, 'a'},
        {"connections", 1, 0, 'n'}, {"depth", 1, 0, 'd'}, {"seconds", 1, 0, 's'}, {"warm-up", 1, 0, 'w'}, {"rate", 1, 0, 'r'},
        {"keys", 1, 0, 'k'}, {"once", 0, 0, 'o'}, {"hold", 0, 0, 'h'}, {"shed", 0, 0, 'x'}, {"tls", 1, 0, 'l'}, {0, 0, 0, 0}};
    struct options options = {
        .response_bytes = UINT32_MAX, .connections = 1, .target.depth = 1, .duration = 1000000000, .warm_up = 200000000};
    int flag;
    while ((flag = getopt_long(count, arguments, "", known, NULL)) != -1) {
        switch (flag) {
        case 'p': options.target.codec = codec_named(optarg); break;
        case 'c': set_address(&options.target, optarg); break;
        case 'u': options.target.unix_path = optarg; break;
        case 't': options.tokens = optarg; break;
        case 'a': options.response_bytes = (uint32_t)number(optarg, 0, 1 << 14); break;
        case 'n': options.connections = (uint32_t)number(optarg, 1, 60000); break;
        case 'd': options.target.depth = (uint32_t)number(optarg, 1, 1024); break;
        case 's': options.duration = (uint64_t)(number(optarg, 0.01, 3600) * 1e9); break;
        case 'w': options.warm_up = (uint64_t)(number(optarg, 0, 3600) * 1e9); break;
        case 'r': options.rate = number(optarg, 1, 1e8); break;
        case 'k': options.keys = (uint32_t)number(optarg, 1, 1e8); break;
        case 'o': options.once = true; break;
        case 'h': options.hold = true; break;
        case 'x': options.shed = true; break;
        case 'l': options.target.tls_ca = optarg; break;
        default: usage();
        }
    }
    bool has_address = options.target.unix_path != NULL || options.target.host != NULL;
    bool is_complete = options.target.codec != NULL && has_address && options.tokens != NULL && options.response_bytes < UINT32_MAX;
    if (!is_complete || optind < count) usage();
    if (options.once && options.rate > 0) usage();
    if (options.response_bytes == 0 && options.target.codec != &ttrpc_codec) usage();
    return options;
}

struct tokens read_tokens(const char *path, uint32_t most) {
    struct tokens tokens = {0};
    char *line = NULL;
    size_t capacity = 0, size = 0;
    ssize_t length;
    FILE *file = fopen(path, "r");
    if (file == NULL) give_up("%s: %s", path, strerror(errno));
    while ((most == 0 || tokens.count < most) && (length = getline(&line, &capacity, file)) > 0) {
        if (line[length - 1] == '\n') length--;
        if (length == 0 || length > LONGEST_TOKEN) give_up("%s: a token of %zd bytes", path, length);
        if (tokens.count == size) {
            size = size == 0 ? 1024 : size * 2;
            tokens.tokens = realloc(tokens.tokens, size * sizeof *tokens.tokens);
            if (tokens.tokens == NULL) give_up("out of memory");
        }
        tokens.tokens[tokens.count++] = (struct token){.bytes = strndup(line, (size_t)length), .length = (uint32_t)length};
    }
    fclose(file);
    free(line);
    if (tokens.count == 0) give_up("%s: no tokens", path);
    return tokens;
}
