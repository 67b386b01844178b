#ifndef CLI_FORWARD_H
#define CLI_FORWARD_H

#include "cli/passkey.h"
#include "cli/web.h"

/*
 * What the files of `events forward` share: forward.c pulls pages of events
 * from a portkeep, forward_post.c posts each of them to a program,
 * forward_files.c knows the files.
 */
struct forward {
    struct cli *cli;
    struct str app;
    uint64_t portal; /* 0: all */
    struct str from; /* a URL without a slash at its end */
    struct str to;
    const char *state_file; /* NULL: none */
    struct buf secret;      /* that events are signed with; empty: none */
    struct admin *admin;    /* NULL: the other portkeep's is not here */
    struct passkey key;
    /* moves */
    struct web puller, poster;
    bool is_stopped; /* by a signal: whoever waits gives up */
    bool is_away;    /* has been said of what does not answer */
    unsigned pause_ms;
    struct buf cursor;
};

/* Says once that `what` does not answer, and waits, longer each time. */
void forward_wait(struct forward *f, const char *what, const char *why);
/* It answers again. */
void forward_is_back(struct forward *f);

/* One element of a page.  CLI_DONE also for one that the program refused. */
int forward_post(struct forward *f, struct str event);

/* forward_files.c: each says what is wrong with its file. */
/* Appends the secret that is the one line of the file. */
int forward_read_secret(const struct cli *cli, const char *path,
                        struct buf *out);
/* The key that events are signed with. */
int forward_read_key(struct forward *f, const char *path);
/* The cursor, where there is a state file and something in it. */
int forward_read_state(struct forward *f);
int forward_write_state(struct forward *f);

#endif
