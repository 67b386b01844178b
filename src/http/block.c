#include "http/block.h"

#include <stdlib.h>

/* Lies at the start of a spare block. */
struct block_link {
    struct block_link *next;
};

static struct block_link *
pop(struct blocks *all)
{
    struct block_link *link = all->spare;
    all->spare = link->next;
    all->n_spare--;
    return link;
}

char *
block_take(struct blocks *all)
{
    if (all->spare == NULL) {
        all->n_least = 0;
        char *p = malloc(BLOCK_SIZE);
        if (p == NULL)
            abort();
        return p;
    }
    char *block = (char *)pop(all);
    if (all->n_spare < all->n_least)
        all->n_least = all->n_spare;
    return block;
}

void
block_give(struct blocks *all, char *block)
{
    struct block_link *link = (struct block_link *)(void *)block;
    link->next = all->spare;
    all->spare = link;
    all->n_spare++;
}

bool
blocks_trim(struct blocks *all)
{
    for (size_t n = all->n_least; n > 0; n--)
        free(pop(all));
    all->n_least = all->n_spare;
    return all->spare != NULL;
}

void
blocks_done(struct blocks *all)
{
    while (all->spare != NULL)
        free(pop(all));
    all->n_least = 0;
}
