#include "ipc/calls.h"

#include <assert.h>
#include <stdlib.h>

void
calls_init(struct calls *calls)
{
    *calls = (struct calls){.next_id = 1};
}

struct call *
calls_add(struct calls *calls, const struct call *what)
{
    struct call *c = malloc(sizeof(*c));
    if (c == NULL)
        abort(); /* no memory */
    *c = *what;
    c->id = calls->next_id++;
    if (calls->next_id == 0)
        calls->next_id = 1;
    c->next = calls->first;
    calls->first = c;
    calls->n++;
    return c;
}

struct call *
calls_take(struct calls *calls, uint32_t id)
{
    for (struct call **at = &calls->first; *at != NULL; at = &(*at)->next)
        if ((*at)->id == id) {
            struct call *c = *at;
            *at = c->next;
            calls->n--;
            return c;
        }
    return NULL;
}

void
calls_end(struct call *c, enum err e, const struct message *m,
          const void *reply)
{
    assert(c != NULL);
    c->on_reply(e, m, reply, c->arg);
    free(c);
}

/* Ids go round after 2^32 calls, so they are compared by distance. */
static bool
is_older(const struct call *c, uint32_t id)
{
    return (int32_t)(c->id - id) < 0;
}

void
calls_end_all(struct calls *calls, enum err reason)
{
    uint32_t begun = calls->next_id;
    for (;;) {
        struct call *c = calls->first;
        while (c != NULL && !is_older(c, begun))
            c = c->next;
        if (c == NULL)
            return;
        calls_end(calls_take(calls, c->id), reason, NULL, NULL);
    }
}

void
calls_end_late(struct calls *calls, int64_t now_ms)
{
    uint32_t begun = calls->next_id;
    for (;;) {
        struct call *c = calls->first;
        while (c != NULL && (c->deadline_ms > now_ms || !is_older(c, begun)))
            c = c->next;
        if (c == NULL)
            return;
        calls_end(calls_take(calls, c->id), c->fate, NULL, NULL);
    }
}
