#include "emulator/tokens.h"

#include "base/text.h"
#include "emulator/own.h"
#include "emulator/world.h"

#include <stdlib.h>

#define RANDOM_BYTES 180         /* 240 characters: HubSpot's are long too */
#define KEPT_AFTER_EXPIRY 600000 /* so that a late caller is told EXPIRED */

struct token *
token_find(const struct grants *all, struct str text)
{
    return map_get(&all->by_token, text);
}

bool
token_is_expired(const struct token *t, int64_t now_ms)
{
    return t->expires_at_ms != 0 && t->expires_at_ms <= now_ms;
}

struct token *
token_add(struct grants *all, struct grant *g, enum token_kind kind,
          struct str text, int64_t expires_at_ms)
{
    struct token *t = own_alloc(sizeof(*t));
    *t = (struct token){
        .text = own_text(text),
        .kind = kind,
        .grant = g,
        .expires_at_ms = expires_at_ms,
        .next = g->tokens,
    };
    if (g->tokens != NULL)
        g->tokens->previous = t;
    g->tokens = t;
    map_put(&all->by_token, t->text, t);
    return t;
}

void
token_remove(struct grants *all, struct token *t)
{
    if (t->previous != NULL)
        t->previous->next = t->next;
    else
        t->grant->tokens = t->next;
    if (t->next != NULL)
        t->next->previous = t->previous;
    map_take(&all->by_token, t->text);
    own_drop(&t->text);
    free(t);
}

static void
forget_old(struct world *w, struct grant *g)
{
    int64_t before = world_now_ms(w) - KEPT_AFTER_EXPIRY;
    for (struct token *t = g->tokens, *next; t != NULL; t = next) {
        next = t->next;
        if (token_is_expired(t, before))
            token_remove(&w->grants, t);
    }
}

struct str
token_uuid_text(struct world *w, struct arena *arena, const char *prefix)
{
    return arena_printf(arena, "%s-%s", prefix, world_uuid(w, arena).p);
}

static struct str
access_text(struct world *w, struct arena *arena)
{
    uint8_t bytes[RANDOM_BYTES];
    struct buf auto_buf text;
    buf_init(&text, 512);
    w->env->random(w->env, bytes, sizeof(bytes));
    buf_add(&text, STR("C"));
    text_add_base64url(&text, str_of(bytes, sizeof(bytes)));
    return arena_copy(arena, buf_str(&text));
}

struct token *
token_new(struct world *w, struct grant *g, enum token_kind kind)
{
    struct arena *arena = arena_new();
    struct str text;
    int64_t expires_at_ms = 0;
    switch (kind) {
    case TOKEN_ACCESS:
        forget_old(w, g);
        text = access_text(w, arena);
        expires_at_ms = world_now_ms(w) + w->settings.expires_in * 1000;
        break;
    case TOKEN_REFRESH:
        text = token_uuid_text(w, arena, "na1");
        break;
    case TOKEN_STATIC:
        text = token_uuid_text(w, arena, "pat-na1");
        break;
    default:
        abort();
    }
    struct token *t = token_add(&w->grants, g, kind, text, expires_at_ms);
    arena_free(arena);
    return t;
}
