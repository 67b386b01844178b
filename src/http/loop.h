#ifndef HTTP_LOOP_H
#define HTTP_LOOP_H

#include "http/block.h"
#include "http/deadline.h"

#include <stdbool.h>

/*
 * What the connections of one server or one client share: the event base,
 * spare blocks, deadlines, and tasks for the end of the running turn.
 *
 * Every way in from outside (an event, a call of the API) stands between
 * loop_enter and loop_leave.  What is dropped in between is freed when the
 * outermost loop_leave is reached, so a callback may end anything, itself
 * included, and nobody up the stack holds a dead pointer.
 */
struct task {
    struct task *next, **before; /* before NULL: not due */
    void (*run)(struct task *t);
};

struct loop {
    struct event_base *base;
    struct blocks blocks;
    struct deadlines deadlines;
    struct deadline trim;
    struct event turn;
    struct task *due, **due_end; /* in the order in which they came */
    size_t n_due;
    struct task *dropped;
    struct task *dropped_last; /* the owner of the loop itself */
    unsigned depth;
};

void loop_init(struct loop *l, struct event_base *base);
void loop_done(struct loop *l);

void loop_enter(struct loop *l);
void loop_leave(struct loop *l);

/* Runs t once before the loop waits again.  Asking twice is asking once. */
void loop_due(struct loop *l, struct task *t);
void loop_not_due(struct loop *l, struct task *t);

/* t->run frees what t belongs to, when nobody can hold it any more; t is
 * used for nothing else. */
void loop_drop(struct loop *l, struct task *t);
/* The same for what the loop is part of; after all others. */
void loop_drop_owner(struct loop *l, struct task *t);

char *loop_take_block(struct loop *l);
void loop_give_block(struct loop *l, char *block);

#endif
