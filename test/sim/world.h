#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include "../unit/keeper/stage.h"

/*
 * HubSpot and the courier, as a seed has them: errands wait, in any order,
 * up to the courier's deadline; HubSpot gives tokens, takes them back, asks
 * for patience, and forgets nothing.
 *
 *     world_open(&w, stage, seed, is_hostile);
 *     ...  the keeper sends errands ...
 *     world_pump(&w);            -- answers what is due
 */
#define WORLD_PORTALS 4
#define WORLD_TOKENS 8192
#define WORLD_ERRANDS 512

struct world_errand {
    uint32_t id;
    struct courier_errand ask; /* in the stage's arena */
    uint64_t generation;       /* of a grant's refresh; 0: another errand */
    int64_t due_ms;
};

enum fate { ALIVE, ROTATED, REVOKED, ENDED };

struct world {
    struct stage *stage;
    uint64_t seed, random;
    /* Fixed for a run */
    bool rotates;    /* a refresh token is good once */
    bool is_hostile; /* replies are lost, couriers die */
    uint32_t expires_in;
    /* moves */
    bool is_calm; /* answers at once, and well */
    int64_t our_fault_until_ms;
    bool is_installed[WORLD_PORTALS + 1];
    struct {
        uint64_t portal;
        enum fate fate;
    } refresh[WORLD_TOKENS];
    size_t n_refresh;
    struct {
        uint64_t portal;
        int64_t expires_at; /* unix s */
    } access[WORLD_TOKENS];
    size_t n_access;
    bool is_code_used[WORLD_TOKENS];
    struct world_errand errands[WORLD_ERRANDS];
    size_t n_errands;
    unsigned n_refreshes, n_lost, n_given;
};

void world_open(struct world *w, struct stage *s, uint64_t seed,
                bool is_hostile);
/* 0 to n - 1; and how often in a hundred. */
uint64_t world_pick(struct world *w, uint64_t n);
bool world_happens(struct world *w, unsigned percent);

void world_pump(struct world *w);
/* The keeper is gone: token errands end into the spill, others are dropped. */
void world_outlive(struct world *w);
/* The courier is gone, with all that it had. */
void world_lose_courier(struct world *w);
/* A customer presses Uninstall at HubSpot. */
void world_uninstall(struct world *w, uint64_t portal);
/* A refresh token of another system that has this portal connected. */
void world_make_token(struct world *w, uint64_t portal, char *out, size_t room);
/* What became of a refresh token, "r-7". */
enum fate world_fate(const struct world *w, struct str token);
/* Does HubSpot take this access token, and until when?  0: no. */
int64_t world_access_ends_at(const struct world *w, const char *token,
                             uint64_t portal);

#endif
