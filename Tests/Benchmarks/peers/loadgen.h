// What the load generator is asked to do.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"

struct options {
    struct target target;
    uint32_t connections;
    const char *tokens;         // file with one token a line
    uint32_t keys;              // of which the first so many are asked for; 0 for all
    uint32_t answer_bytes;
    uint64_t duration, warm_up;  // nanoseconds
    double rate;                // requests a second, open loop; 0 for closed loop
    bool once;                  // ask for each token once, in their order, and end
    bool hold;                  // open the connections, make one call on each, and stay until killed
    bool shed;                  // leave out calls that are due while every place is taken
};

// Ends the program with how to use it where that is not kept to.
struct options read_options(int count, char **arguments);

struct tokens {
    struct token *tokens;
    uint64_t count;
};

struct tokens read_tokens(const char *path, uint32_t most);
