#ifndef KEEPER_STORE_MEMORY_H
#define KEEPER_STORE_MEMORY_H

#include "keeper/store.h"

/*
 * What tests can ask of the memory store beyond store.h: that it goes wrong
 * the way a real one does, and how often it was asked.
 *
 *     store_memory_disturb(store, &(struct store_disturbance){
 *         .seed = 7, .conflict_per_mille = 100, .lost_per_mille = 50});
 *
 * The same seed gives the same failures.
 */
struct store_disturbance {
    uint64_t seed;
    /* Commits that answer ERR_CONFLICT although no row has moved. */
    unsigned conflict_per_mille;
    /* Commits that are done and answer ERR_STORE all the same. */
    unsigned lost_per_mille;
    /* Commits answer ERR_LIMIT: the disk is full. */
    bool is_full;
    /* That call of load and commit, from 1 on, answers ERR_STORE and does
     * nothing; 0: none. */
    uint64_t fail_call;
    /* That call, if it is a commit, is done, and nobody learns of it: as if
     * the keeper were killed right after it. */
    uint64_t unheard_call;
};

/* Starts the count of calls anew. */
void store_memory_disturb(struct store *s, const struct store_disturbance *how);

/* Round trips since the store was opened. */
uint64_t store_memory_loads(const struct store *s);
uint64_t store_memory_commits(const struct store *s);

#endif
