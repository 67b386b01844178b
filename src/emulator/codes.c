#include "emulator/codes.h"

#include "emulator/own.h"
#include "emulator/tokens.h"
#include "emulator/world.h"

#include <stdlib.h>

#define KEPT_AFTER_EXPIRY 600000

static void
remove_oldest(struct codes *all)
{
    struct code *c = all->oldest;
    all->oldest = c->next;
    if (all->oldest == NULL)
        all->newest = NULL;
    map_take(&all->by_text, c->text);
    own_drop(&c->text);
    own_drop(&c->client_id);
    own_drop(&c->redirect_uri);
    own_drop(&c->challenge);
    own_drop_texts(&c->scopes);
    free(c);
}

void
codes_done(struct codes *all)
{
    while (all->oldest != NULL)
        remove_oldest(all);
    map_done(&all->by_text);
    *all = (struct codes){0};
}

struct code *
codes_find(const struct codes *all, struct str text)
{
    return map_get(&all->by_text, text);
}

struct code *
codes_issue(struct world *w, const struct code *model)
{
    struct codes *all = &w->codes;
    int64_t now = world_now_ms(w);
    while (all->oldest != NULL &&
           all->oldest->expires_at_ms < now - KEPT_AFTER_EXPIRY)
        remove_oldest(all);

    struct arena *arena = arena_new();
    struct code *c = own_alloc(sizeof(*c));
    *c = (struct code){
        .text = own_text(token_uuid_text(w, arena, "na1")),
        .client_id = own_text(model->client_id),
        .redirect_uri = own_text(model->redirect_uri),
        .challenge = own_text(model->challenge),
        .account = model->account,
        .scopes = own_texts(model->scopes),
        .expires_at_ms = now + w->settings.code_lifetime * 1000,
    };
    arena_free(arena);
    if (all->newest != NULL)
        all->newest->next = c;
    else
        all->oldest = c;
    all->newest = c;
    map_put(&all->by_text, c->text, c);
    return c;
}
