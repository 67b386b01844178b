#include "emulator/world.h"

#include "base/text.h"
#include "emulator/emission.h"
#include "emulator/own.h"
#include "emulator/tokens.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

int64_t
world_now_ms(const struct world *w)
{
    return w->env->now_ms(w->env) + w->clock_offset_ms;
}

/* Steele, Lea, Flood: splitmix64. */
static uint64_t
mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t
world_draw(struct world *w)
{
    return mix(mix(w->seed) + ++w->n_drawn);
}

/* RFC 9562: version 4. */
static struct str
uuid_of(struct arena *arena, uint64_t high, uint64_t low)
{
    return arena_printf(
        arena, "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(high >> 32),
        (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xfff),
        (unsigned)(low >> 48 & 0x3fff) | 0x8000, low & 0xffffffffffffu);
}

struct str
world_uuid(struct world *w, struct arena *arena)
{
    uint64_t both[2];
    w->env->random(w->env, both, sizeof(both));
    return uuid_of(arena, both[0], both[1]);
}

struct str
world_seeded_uuid(const struct world *w, struct arena *arena, struct str label)
{
    uint64_t both[2];
    (void)crypto_generichash((uint8_t *)both, sizeof(both),
                             (const uint8_t *)label.p, label.n, NULL,
                             0); /* cannot fail with these lengths */
    return uuid_of(arena, mix(both[0] ^ mix(w->seed)),
                   mix(both[1] ^ mix(w->seed + 1)));
}

#define STATIC_SCOPES                                             \
    "oauth crm.objects.contacts.read crm.objects.contacts.write " \
    "crm.objects.companies.read crm.objects.companies.write "     \
    "crm.objects.deals.read crm.objects.deals.write"

/* One ready-made private app a portal, the same for the same seed. */
static void
add_static_tokens(struct world *w)
{
    struct arena *arena = arena_new();
    struct strs scopes = arena_split(arena, STR(STATIC_SCOPES), ' ');
    for (size_t i = 0; i < w->accounts.n; i++) {
        struct account *a = w->accounts.v[i];
        struct str label = arena_printf(arena, "static %" PRIu64, a->portal);
        struct str uuid = world_seeded_uuid(w, arena, label);
        struct grant *g =
            grants_add_private(w, STR("Ready-made private app"), a, scopes);
        token_add(&w->grants, g, TOKEN_STATIC,
                  arena_printf(arena, "pat-na1-%.*s", STR_ARG(uuid)), 0);
    }
    arena_free(arena);
}

static void
clear(struct world *w)
{
    codes_done(&w->codes);
    installs_done(&w->installs);
    grants_done(&w->grants);
    accounts_done(&w->accounts);
    faults_done(&w->faults);
    tally_done(&w->tally);
    outbox_done(&w->outbox);
    emissions_done(&w->emissions);
    journals_done(&w->journals);
}

void
world_reset(struct world *w)
{
    clear(w);
    apps_forget_seen(&w->apps);
    settings_reset(&w->settings);
    w->clock_offset_ms = 0;
    w->n_drawn = 0;
    accounts_add_standard(&w->accounts);
    add_static_tokens(w);
    w->is_changed = true;
}

struct world *
world_new(struct env *env, uint64_t seed)
{
    struct world *w = own_alloc(sizeof(*w));
    w->env = env;
    w->seed = seed;
    world_reset(w);
    return w;
}

void
world_free(struct world *w)
{
    if (w == NULL)
        return;
    clear(w);
    apps_done(&w->apps);
    own_drop(&w->secret);
    own_drop(&w->origin);
    own_drop(&w->webhook);
    free(w);
}
