#ifndef EMULATOR_POSTMAN_H
#define EMULATOR_POSTMAN_H

struct event_base;
struct postman;
struct world;

/*
 * Carries what lies in the outbox to the apps: signs, sends, notes what came
 * of it, and makes the events of emissions when they are due.
 *
 *     struct postman *p = postman_open(&setup);
 *     postman_wake(p);      -- after anything that may have changed the world
 *     postman_close(p);
 */
struct postman_setup {
    struct event_base *base;
    struct world *world;
    const char *ca_file;          /* for https targets; NULL: the system's */
    void (*on_change)(void *arg); /* the world is to be saved */
    void *arg;
};

struct postman *postman_open(const struct postman_setup *setup);
/* Cancels what is in flight; it is sent again after the next start. */
void postman_close(struct postman *p);
void postman_wake(struct postman *p);

#endif
