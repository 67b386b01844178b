#ifndef PARENT_PROCESS_H
#define PARENT_PROCESS_H

#include "parent/birth.h"
#include "proto/life.h"

#include <sys/types.h>

struct event_base;

/*
 * One child of the service, from its birth until it is waited for.
 *
 *     x = process_start(&setup, ROLE_FRONT, 0);
 *     ... on_ready(x, ready)
 *     process_stop(x, false);
 *     ... waitpid said that it is gone
 *     process_free(x);
 *
 * What it is sent is settings.c's, what its end means is family.c's.
 */
enum role { ROLE_KEEPER, ROLE_COURIER, ROLE_DELIVER, ROLE_RELAY, ROLE_FRONT };
#define ROLES 5

const char *role_name(enum role role);

enum process_state {
    PROCESS_BORN,    /* has 20 s to say ready */
    PROCESS_READY,   /* works */
    PROCESS_LEAVING, /* was told to, or is to be killed */
};

struct process {
    struct process *next; /* family's list */
    enum role role;
    uint32_t index; /* no other living one of the role has it */
    pid_t pid;
    struct channel *life; /* NULL once closed */
    int keeper_end;       /* of its work channel, until it is ready; or -1 */
    /* moves */
    enum process_state state;
    bool takes_work;  /* from ready until it says that it drains, or closes */
    int64_t ready_ms; /* monotonic; 0: never was */
    struct event *on_deadline;
    const struct process_handler *handler;
    void *arg;
};

struct process_handler {
    /* problem is empty where it is ready; else it will end by itself. */
    void (*on_ready)(struct process *x, const struct life_ready *ready,
                     void *arg);
    void (*on_reloaded)(struct process *x, struct str problem, void *arg);
    void (*on_want_reload)(struct process *x, void *arg);
    void (*on_want_successor)(struct process *x, void *arg);
    /* It takes_work no more. */
    void (*on_draining)(struct process *x, void *arg);
    /* Its last word has been heard; it may now be waited for. */
    void (*on_closed)(struct process *x, void *arg);
};

struct process_setup {
    struct event_base *base;
    const struct birth_place *place;
    const struct process_handler *handler;
    void *arg;
};

/* Started, but not yet sent anything.  NULL after logging why. */
struct process *process_start(const struct process_setup *setup, enum role role,
                              uint32_t index);
/* What waitpid said about it, in the log. */
void process_log_end(const struct process *x, int status);
/* It must have been waited for. */
void process_free(struct process *x);

/* Drain: it has DEADLINE_DRAIN_MS.  Brief: a second.  Then it is killed.
 * Can be said again, more briefly. */
void process_stop(struct process *x, bool is_brief);
/* Not told anything, but killed if it still lives then. */
void process_expire(struct process *x, unsigned ms);

int64_t process_now_ms(void);

#endif
