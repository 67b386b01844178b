#ifndef TEST_NURSERY_H
#define TEST_NURSERY_H

#include "ipc/channel.h"
#include "proto/life.h"

#include <event2/event.h>
#include <sys/types.h>

/*
 * Plays the parent for a test of one real program: births it with its life
 * and work channels, waits for conditions, sees how it ends.
 *
 *     nursery_open(&n);
 *     n.settings.api_url = ...;
 *     nursery_add_fd(&n, LIFE_FD_SPILL, fd);
 *     nursery_birth(&n, program, &courier_conversation, &handler, arg);
 *     channel_call(n.work, ...);
 *     nursery_wait(&n, &is_done);
 *     nursery_close(&n);
 *
 * Everything runs on n.base; what takes longer than 20 s fails the test.
 */
#define NURSERY_FDS 8

struct nursery {
    struct event_base *base;
    struct life_settings settings;
    const struct life_app *apps;
    size_t n_apps;
    struct {
        enum life_descriptor_kind kind;
        int fd;
    } fds[NURSERY_FDS];
    size_t n_fds;
    pid_t pid;
    struct channel *life, *work; /* the test's ends */
    bool is_ready, is_gone, is_reloaded, wants_successor;
    char problem[300];
};

void nursery_open(struct nursery *n);
/* The caller's own copy is closed. */
void nursery_add_fd(struct nursery *n, enum life_descriptor_kind kind, int fd);
/* Returns when the child is ready, or has said why not. */
void nursery_birth(struct nursery *n, const char *program,
                   const struct conversation *conversation,
                   const struct channel_handler *handler, void *arg);
/* Settings, apps and descriptors once more. */
void nursery_reload(struct nursery *n);
void nursery_stop(struct nursery *n, bool is_brief);
/* Runs the loop until *is_true. */
void nursery_wait(struct nursery *n, const bool *is_true);
/* Runs the loop until the child has ended; its exit status, -1 for a signal. */
int nursery_end(struct nursery *n);
/* As a death of the parent, or of the keeper, looks to the child. */
void nursery_drop_life(struct nursery *n);
void nursery_drop_work(struct nursery *n);
/* Ends the child if it still runs, and lets everything go. */
void nursery_close(struct nursery *n);

/* Listening on a free port of 127.0.0.1. */
int nursery_listen(uint16_t *out_port);

#endif
