#ifndef TEST_RUN_CLI_H
#define TEST_RUN_CLI_H

#include "base/str.h"

#include <sys/types.h>

/*
 * The command line as its users meet it, in a folder of its own, and a
 * keeper that answers what the test says.
 *
 *     struct place *p = place_open();
 *     keeper_start(p, answers, n);
 *     run_cli(p, "", "status", "--json", NULL);
 *     assert_int_equal(p->status, 0);
 *     ... p->out, p->err; keeper_asks(p) ...
 */
struct place {
    char folder[64];
    pid_t keeper; /* 0: none */
    int status;   /* exit status of the last run */
    char out[65536], err[65536];
    char asks[65536];
};

/* A folder with a configuration (app crm, static app fix), a master key and
 * a data directory. */
struct place *place_open(void);
void place_close(struct place *p);
/* Of a file in it; good until the eighth call from now. */
const char *place_path(const struct place *p, const char *name);
void place_write(const struct place *p, const char *name, const char *text);
/* The whole file; good until the next call. */
const char *place_read(const struct place *p, const char *name);
unsigned place_mode(const struct place *p, const char *name);

/*
 * One answer of the keeper: for the n-th call of that type, the last of them
 * for all later ones.  err 0: json, else detail and url.  json NULL with err
 * 0 closes the connection.
 */
struct keeper_answer {
    unsigned type; /* enum admin_type */
    unsigned err;
    const char *json, *detail, *url;
};
void keeper_start(struct place *p, const struct keeper_answer *answers,
                  size_t n);
/* Ends it.  What it was asked, a line a call: "type field=value ...", with
 * secrets as they came. */
const char *keeper_asks(struct place *p);

/* Runs `portkeep WORDS...` in the folder, with `input` on standard input.
 * Words end with NULL. */
void run_cli(struct place *p, const char *input, ...);

#endif
