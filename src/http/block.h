#ifndef HTTP_BLOCK_H
#define HTTP_BLOCK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Blocks are what sockets are read into and written from.  A connection
 * holds one only while there are bytes in it, so a thousand idle ones hold
 * none; between uses they wait in a list and cost no malloc.
 *
 *     char *p = block_take(&blocks);
 *     block_give(&blocks, p);
 *
 * blocks_trim frees those that were not needed since it was last called.
 */

/* A whole head and as much of a body behind it. */
#define BLOCK_SIZE 32768

struct blocks {
    struct block_link *spare;
    size_t n_spare;
    size_t n_least; /* the fewest that were spare since the last trim */
};

char *block_take(struct blocks *all);
void block_give(struct blocks *all, char *block);
/* True if spare ones are left. */
bool blocks_trim(struct blocks *all);
void blocks_done(struct blocks *all);

#endif
