#ifndef PARENT_FAMILY_H
#define PARENT_FAMILY_H

#include "base/err.h"
#include "parent/process.h"
#include "parent/settings.h"

struct event_base;

/*
 * All children together: who is born when, what a death means, who takes
 * whose place.
 *
 *     f = family_new(&setup);
 *     family_start(f);          -- on_started, or on_gone
 *     family_renew(f);          -- on_renewed
 *     family_stop(f, false);    -- on_gone
 *
 * Nothing here knows the configuration but settings_send, which setup.settings
 * is passed to and which may be changed in between.
 */
struct family;

struct family_handler {
    /* All that are wanted are ready for the first time. */
    void (*on_started)(void *arg);
    /* The last one has ended. */
    void (*on_gone)(void *arg);
    /* Each place is with a process of the newest settings, or with the old
     * one where the new one could not start (has_failed); those that were
     * replaced accept no connection any more. */
    void (*on_renewed)(bool has_failed, void *arg);
    void (*on_want_reload)(void *arg);
    /* problem is empty where the keeper has taken the settings up. */
    void (*on_keeper_reloaded)(struct str problem, void *arg);
    /* The keeper is ready: others come next, and need their listeners.
     * Anything but ERR_OK ends the start. */
    enum err (*on_keeper_ready)(void *arg);
};

struct family_setup {
    struct event_base *base;
    const struct birth_place *place;
    const struct settings *settings; /* as they are at each birth */
    const struct family_handler *handler;
    void *arg;
};

struct family *family_new(const struct family_setup *setup);
void family_free(struct family *f);

/* The keeper first; the others when it is ready. */
void family_start(struct family *f);
/* New couriers, relay and front; each old one drains once its successor is
 * ready. */
void family_renew(struct family *f);
/*
 * Front and relay, then couriers, then the keeper, each when those before
 * have ended.  Brief: all of them within a second.
 */
void family_stop(struct family *f, bool is_brief);
/* Did it end otherwise than by family_stop? */
bool family_has_failed(const struct family *f);

/* Sends the keeper the settings anew.  ERR_UNAVAILABLE: it is not there;
 * else as settings_send. */
enum err family_reload_keeper(struct family *f, struct buf *why) WARN_UNUSED;
/* How the reload ended, so that the keeper can answer who asked for it. */
void family_tell_reload_ended(struct family *f,
                              const struct life_reload_ended *ended);
/* Hands the keeper a connection of the command line; fd stays the caller's. */
void family_give_admin(struct family *f, int fd, uint32_t uid);

#endif
