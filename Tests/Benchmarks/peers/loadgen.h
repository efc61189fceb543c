// The options of the load generator.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "connection.h"

struct options {
    struct target target;
    uint32_t connections;
    const char *tokens;         // path to a file with one token per line
    uint32_t keys;              // number of tokens to use, from the first; 0 for all
    uint32_t response_bytes;
    uint64_t duration, warm_up;  // nanoseconds
    double rate;                // requests per second in an open loop; 0 for a closed loop
    bool once;                  // use each token once, in order, and end
    bool hold;                  // open the connections, make one call on each, and wait until killed
    bool shed;                  // skip calls that are due while no slot is free
};

// Parses the arguments. Prints the usage and ends the program if they are invalid.
struct options read_options(int count, char **arguments);

struct tokens {
    struct token *tokens;
    uint64_t count;
};

struct tokens read_tokens(const char *path, uint32_t most);
