#include "http/loop.h"

#include <assert.h>

/* Blocks that nothing needed for so long go back to the system. */
#define TRIM_MS 2000

static void
on_trim(struct deadline *d)
{
    struct loop *l = (struct loop *)((char *)d - offsetof(struct loop, trim));
    if (blocks_trim(&l->blocks))
        deadline_set(&l->trim, TRIM_MS);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    (void)fd;
    (void)what;
    loop_enter(l);
    deadlines_pass(&l->deadlines);
    loop_leave(l);
}

static void
on_turn(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    (void)fd;
    (void)what;
    loop_enter(l);
    /* Tasks that come while these run get a turn of their own. */
    for (size_t n = l->n_due; n > 0 && l->due != NULL; n--) {
        struct task *t = l->due;
        loop_not_due(l, t);
        t->run(t);
    }
    if (l->due != NULL)
        event_active(&l->turn, 0, 0);
    loop_leave(l);
}

void
loop_init(struct loop *l, struct event_base *base)
{
    *l = (struct loop){.base = base};
    l->due_end = &l->due;
    deadlines_init(&l->deadlines, base, on_timer, l);
    deadline_start(&l->deadlines, &l->trim, on_trim);
    (void)event_assign(&l->turn, base, -1, 0, on_turn, l);
}

void
loop_done(struct loop *l)
{
    deadline_stop(&l->trim);
    deadlines_done(&l->deadlines);
    (void)event_del(&l->turn);
    blocks_done(&l->blocks);
}

void
loop_enter(struct loop *l)
{
    l->depth++;
}

void
loop_leave(struct loop *l)
{
    assert(l->depth > 0);
    if (l->depth > 1) {
        l->depth--;
        return;
    }
    while (l->dropped != NULL) {
        struct task *t = l->dropped;
        l->dropped = t->next;
        t->run(t);
    }
    l->depth = 0;
    if (l->dropped_last != NULL)
        l->dropped_last->run(l->dropped_last);
}

void
loop_due(struct loop *l, struct task *t)
{
    if (t->before != NULL)
        return;
    if (l->due == NULL)
        event_active(&l->turn, 0, 0);
    t->next = NULL;
    t->before = l->due_end;
    *l->due_end = t;
    l->due_end = &t->next;
    l->n_due++;
}

void
loop_not_due(struct loop *l, struct task *t)
{
    if (t->before == NULL)
        return;
    *t->before = t->next;
    if (t->next != NULL)
        t->next->before = t->before;
    else
        l->due_end = t->before;
    t->before = NULL;
    l->n_due--;
}

void
loop_drop(struct loop *l, struct task *t)
{
    t->next = l->dropped;
    l->dropped = t;
}

void
loop_drop_owner(struct loop *l, struct task *t)
{
    l->dropped_last = t;
}

char *
loop_take_block(struct loop *l)
{
    return block_take(&l->blocks);
}

void
loop_give_block(struct loop *l, char *block)
{
    block_give(&l->blocks, block);
    if (l->trim.at == INT64_MAX)
        deadline_set(&l->trim, TRIM_MS);
}
