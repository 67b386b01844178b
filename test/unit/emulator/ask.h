#ifndef TEST_EMULATOR_ASK_H
#define TEST_EMULATOR_ASK_H

#include "emulator/route.h"
#include "emulator/tokens.h"

/*
 * Asks a world as serve.c does, but without a connection.
 *
 *     struct ask a = {.method = "GET", .path = "/integrations/v1/me",
 *                     .bearer = token};
 *     struct call *c = ask(w, &a);
 *     assert_int_equal(c->status, 200);
 *     ask_done(c);
 */
struct ask {
    const char *method;
    const char *path;   /* with its query */
    const char *body;   /* NULL: none */
    const char *bearer; /* NULL: none */
    const char *host;   /* NULL: localhost */
};

/* A world whose clock stands at 2026-11-24T12:00:00Z until it is moved. */
struct world *ask_world(void);
void ask_wait(int64_t ms);

struct call *ask(struct world *w, const struct ask *a);
void ask_done(struct call *c);
/* Asks, checks the status, and gives the body as JSON (NULL: none). */
json_t *ask_json(struct world *w, const struct ask *a, unsigned status);
/* The value of an answer's header; "" if there is none. */
const char *ask_header(const struct call *c, const char *name);
/* A code for that client, as Allow in portal 1002 gives it. */
struct str ask_code(struct world *w, struct arena *arena,
                    const char *more_fields);
/* A text member of an object, or "". */
const char *ask_text(const json_t *object, const char *name);

#define ASK_REDIRECT "http://localhost:9000/cb"
#define ASK_CLIENT "client_id=crm&client_secret=s"

#endif
