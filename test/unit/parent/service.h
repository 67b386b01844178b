#ifndef TEST_SERVICE_H
#define TEST_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * The parent as a running program with four stubs for children, in a folder
 * of its own.
 *
 *     service_open(&s, serve_path, stub_path);
 *     service_write(&s, "relay.do", "die");
 *     service_start(&s, config);
 *     service_wait(&s, "serve.ready");
 */
struct service {
    char folder[64];
    const char *serve, *stub;
    pid_t pid; /* 0: not running */
    int log_fd;
    char log[262144]; /* all that it and its children have written */
    size_t n_log, n_seen;
    int status; /* of exit, once it has ended; -1: a signal */
};

void service_open(struct service *s, const char *serve, const char *stub);
/* Kills what still runs, removes the folder. */
void service_close(struct service *s);

/* A file in the folder, 0600; text NULL removes it. */
void service_write(const struct service *s, const char *name, const char *text);

/* Writes portkeep.conf; %s in it is the folder. */
void service_configure(const struct service *s, const char *config);
/* With that configuration, or, for NULL, the one that is there. */
void service_start(struct service *s, const char *config);

/*
 * Reads the log until a line has all these words, separated by `|`, and
 * returns it; later calls look behind it.  Fails the test after 20 s or when
 * the log ends.
 */
const char *service_wait(struct service *s, const char *words);
/* Lines so far that have these words. */
size_t service_count(const struct service *s, const char *words);
/* The number behind `name=` in a line. */
uint64_t service_number(const char *line, const char *name);

void service_signal(const struct service *s, int signal);
/* Until it has ended and its log with it; returns s->status. */
int service_wait_end(struct service *s);

/* A connection to the admin socket; -1 with errno. */
int service_connect(const struct service *s);

#endif
