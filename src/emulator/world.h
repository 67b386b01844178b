#ifndef EMULATOR_WORLD_H
#define EMULATOR_WORLD_H

#include "base/env.h"
#include "emulator/accounts.h"
#include "emulator/apps.h"
#include "emulator/codes.h"
#include "emulator/faults.h"
#include "emulator/grants.h"
#include "emulator/installs.h"
#include "emulator/journal.h"
#include "emulator/outbox.h"
#include "emulator/settings.h"
#include "emulator/tally.h"

struct emission;

/*
 * All that the emulated HubSpot consists of.  Everything that a request can
 * change is in here; world_reset takes it back to how it began.
 *
 *     struct world *w = world_new(env, seed);
 *     apps_declare(&w->apps, ...);
 *     world_reset(w);
 */
struct world {
    /* fixed */
    struct env *env;
    uint64_t seed;
    struct str secret;  /* --secret: every app's client secret; p NULL: any */
    struct str origin;  /* http://127.0.0.1:8790 */
    struct str webhook; /* --webhook before any --app; p NULL: none */
    /* moving */
    int64_t clock_offset_ms;
    uint64_t n_drawn; /* numbers drawn from the seed */
    struct settings settings;
    struct accounts accounts;
    struct apps apps;
    struct grants grants;
    struct codes codes;
    struct installs installs;
    struct faults faults;
    struct tally tally;
    struct outbox outbox;
    struct emission *emissions;
    struct journals journals;
    bool is_changed; /* since the state was last saved */
};

struct world *world_new(struct env *env, uint64_t seed);
void world_free(struct world *w);
/* Portals, data and static tokens of the seed; nothing connected.  Declared
 * apps stay. */
void world_reset(struct world *w);

int64_t world_now_ms(const struct world *w);
/* The same numbers for the same seed, in the order they are drawn. */
uint64_t world_draw(struct world *w);
/* A UUID; unguessable, or the same for the same seed and label. */
struct str world_uuid(struct world *w, struct arena *arena);
struct str world_seeded_uuid(const struct world *w, struct arena *arena,
                             struct str label);

#endif
