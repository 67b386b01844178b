#ifndef CHILD_CHILD_H
#define CHILD_CHILD_H

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "proto/life.h"
#include "sandbox/sandbox.h"

struct event_base;

/*
 * Becoming a child of portkeep: everything that front, relay, keeper and
 * courier do alike between exec and exit.
 *
 *     static const struct child_role role = {.name = "front", ...};
 *     int main(void) { return child_main(&role); }
 *
 * Birth: the life channel is descriptor 3.  Settings and descriptors arrive
 * on it; root's rights are dropped; `start` is called with all of them,
 * before the sandbox: read certificates, the resolver's configuration and
 * secrets there, open the database, listen to nothing yet.  Then the sandbox
 * is applied by `confine`, ready is said, and `run` begins the work.
 * Death: the life channel closes (the parent is gone), LIFE_STOP, or
 * child_exit.
 */
struct child {
    struct event_base *base;
    struct channel *life;
    struct life_settings settings; /* in `arena`, as all below */
    struct life_app *apps;
    size_t n_apps;
    struct child_fd *fds;
    size_t n_fds;
    struct arena *arena; /* of these settings; replaced at reload */
    bool is_draining;
};

struct child_fd {
    struct life_descriptor what;
    int fd; /* -1 once taken */
};

struct child_role {
    const char *name;
    size_t n_secrets; /* cells of its slab, without which it cannot start */
    size_t n_secrets_most; /* where the system lets it lock more; or 0 */
    /* Before the sandbox.  Fills problem on failure: what and what to do. */
    enum err (*start)(struct child *c, struct buf *problem);
    /* Applies this role's sandbox: calls sandbox_NAME with what it needs of
     * the settings.  out and problem are for that call. */
    enum err (*confine)(const struct child *c, struct sandbox_result *out,
                        struct buf *problem);
    /* After it: accept work. */
    void (*run)(struct child *c);
    /* New settings stand in c; on failure the old ones are put back.  NULL
     * where a new process takes its place instead: all but the keeper. */
    enum err (*reload)(struct child *c, struct buf *problem);
    /* How a reload of all ended.  NULL: such a word ends the child. */
    void (*on_reload_ended)(struct child *c,
                            const struct life_reload_ended *ended);
    /* One more descriptor that came after birth (the keeper: an admin
     * channel, a new relay).  NULL: such a descriptor ends the child. */
    void (*on_descriptor)(struct child *c, const struct life_descriptor *what,
                          int fd);
    /* Accepts nothing new once it returns; what runs may finish, then call
     * child_exit(0).  NULL: exit at once. */
    void (*drain)(struct child *c, bool is_brief);
    /* The parent is gone.  NULL: exit at once. */
    void (*orphaned)(struct child *c);
};

int child_main(const struct child_role *role);

/* The descriptor of that kind, and for that app where app.p is not NULL;
 * the caller's from now on.  -1 if none was sent. */
int child_take_fd(struct child *c, enum life_descriptor_kind kind,
                  struct str app);
/* The path that came with it, taken or not; empty if none did. */
struct str child_fd_path(const struct child *c, enum life_descriptor_kind kind,
                         struct str app);
/* NULL: no such app. */
const struct life_app *child_app(const struct child *c, struct str name);

/* Flushes the life channel and leaves the loop with this exit status. */
void child_exit(struct child *c, int status);

/* The keeper, on an operator's wish. */
void child_want_reload(struct child *c);
/* A courier: stopped once a new one has its place. */
void child_want_successor(struct child *c);

#endif
