#ifndef PARENT_PARENT_H
#define PARENT_PARENT_H

#include <stdbool.h>

/*
 * The service: reads the configuration, opens sockets and files, starts
 * keeper, courier, relay and front, watches them, and never uses a secret.
 *
 *     return parent_serve(&(struct parent_setup){.config_path = path});
 */
struct parent_setup {
    const char *config_path;
    /* Only where sandbox_may_be_off(): children run without a filter. */
    bool is_unsandboxed;
};

/*
 * Runs until SIGTERM or SIGINT has drained it, or until it cannot go on.
 * Returns the exit status: 0 after a signal, 1 where it could not start or
 * the keeper died; the log says why.
 */
int parent_serve(const struct parent_setup *setup);

#endif
