#include "emulator/grants.h"

#include "base/arena.h"
#include "emulator/own.h"
#include "emulator/tokens.h"
#include "emulator/world.h"

#include <inttypes.h>
#include <stdlib.h>

static void
grant_free(struct grants *all, struct grant *g)
{
    while (g->tokens != NULL)
        token_remove(all, g->tokens);
    own_drop(&g->key);
    own_drop(&g->client_id);
    own_drop_texts(&g->scopes);
    throttle_done(&g->calls);
    free(g);
}

void
grants_done(struct grants *all)
{
    while (all->first != NULL)
        grants_remove(all, all->first);
    map_done(&all->by_key);
    map_done(&all->by_token);
    *all = (struct grants){0};
}

void
grants_remove(struct grants *all, struct grant *g)
{
    if (g->previous != NULL)
        g->previous->next = g->next;
    else
        all->first = g->next;
    if (g->next != NULL)
        g->next->previous = g->previous;
    else
        all->last = g->previous;
    all->n--;
    map_take(&all->by_key, g->key);
    grant_free(all, g);
}

static struct grant *
add(struct world *w, const struct grant *model, struct str key)
{
    struct grants *all = &w->grants;
    struct grant *g = own_alloc(sizeof(*g));
    *g = (struct grant){
        .kind = model->kind,
        .key = own_text(key),
        .client_id = own_text(model->client_id),
        .account = model->account,
        .scopes = own_texts(model->scopes),
        .install_id = ++all->last_install_id,
        .connected_at_ms = world_now_ms(w),
        .previous = all->last,
    };
    if (all->last != NULL)
        all->last->next = g;
    else
        all->first = g;
    all->last = g;
    all->n++;
    map_put(&all->by_key, g->key, g);
    return g;
}

static struct str
key_of(struct arena *arena, struct str client_id, uint64_t portal)
{
    return arena_printf(arena, "%.*s\n%" PRIu64, STR_ARG(client_id), portal);
}

struct grant *
grants_find(const struct grants *all, struct str client_id, uint64_t portal)
{
    struct arena *arena = arena_new();
    struct grant *g = map_get(&all->by_key, key_of(arena, client_id, portal));
    arena_free(arena);
    return g;
}

struct grant *
grants_connect(struct world *w, struct str client_id, struct account *account,
               struct strs scopes)
{
    struct grant *g = grants_find(&w->grants, client_id, account->portal);
    if (g != NULL) {
        own_drop_texts(&g->scopes);
        g->scopes = own_texts(scopes);
        g->install_id = ++w->grants.last_install_id;
        g->connected_at_ms = world_now_ms(w);
        return g;
    }
    struct arena *arena = arena_new();
    struct grant model = {.kind = GRANT_OAUTH,
                          .client_id = client_id,
                          .account = account,
                          .scopes = scopes};
    g = add(w, &model, key_of(arena, client_id, account->portal));
    arena_free(arena);
    return g;
}

struct grant *
grants_add_private(struct world *w, struct str name, struct account *account,
                   struct strs scopes)
{
    struct arena *arena = arena_new();
    struct grant model = {.kind = GRANT_PRIVATE,
                          .client_id = name,
                          .account = account,
                          .scopes = scopes};
    struct grant *g = add(w, &model,
                          arena_printf(arena, "private\n%" PRIu64,
                                       w->grants.last_install_id + 1));
    arena_free(arena);
    return g;
}

struct grant *
grants_app_level(struct world *w, struct str client_id, struct strs scopes)
{
    struct arena *arena = arena_new();
    struct str all = arena_join(arena, scopes, ' ');
    struct str key = arena_printf(arena, "app\n%.*s\n%.*s", STR_ARG(client_id),
                                  STR_ARG(all));
    struct grant *g = map_get(&w->grants.by_key, key);
    if (g == NULL) {
        struct grant model = {
            .kind = GRANT_APP_LEVEL, .client_id = client_id, .scopes = scopes};
        g = add(w, &model, key);
    }
    arena_free(arena);
    return g;
}

bool
grant_has_scope(const struct grant *g, struct str scope)
{
    return strs_have(g->scopes, scope);
}
