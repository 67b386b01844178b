#ifndef EMULATOR_CALL_H
#define EMULATOR_CALL_H

#include "base/arena.h"
#include "base/buf.h"
#include "emulator/world.h"
#include "http/head.h"

#include <jansson.h>

struct route;

/*
 * One request as the handlers see it, and the answer that they give.  Knows
 * nothing of connections: serve.c makes it, sends the answer and frees it.
 *
 *     static void do_me(struct call *c) {
 *         struct doc d = call_answer_json(c, 200);
 *         ...
 *     }
 */
#define CALL_PARAMS 5
#define CALL_HEADERS 16
#define CALL_MAX_BODY (4u << 20)    /* batches of 100 records */
#define CALL_MAX_ANSWER (64u << 20) /* the list of all grants */

struct call {
    struct world *world;
    struct arena *arena;
    /* the request */
    struct str method; /* HEAD is GET here */
    struct str path, query, body;
    struct str authorization, host;
    /* where it goes, by route.c */
    const struct route *route;
    struct str params[CALL_PARAMS]; /* in the order of the path */
    struct str name;                /* the path with its parameters in braces */
    bool has_token_in_path;
    json_t *json; /* call_json's; NULL until asked for */
    /* who asks: set by the door, or by the handler for the tally */
    struct grant *grant;
    struct str client_id;
    struct str note;
    uint64_t portal;
    bool has_changed; /* set by a GET that changed something all the same */
    /* the answer */
    unsigned status;
    struct str type;
    struct http_header headers[CALL_HEADERS];
    size_t n_headers;
    struct buf out;
};

void call_init(struct call *c, struct world *w, struct arena *arena);
void call_done(struct call *c);

/* A field of the form body or of the query; p is NULL if it is not there. */
struct str call_value(struct call *c, struct str text, const char *name);
struct str call_form(struct call *c, const char *name);
struct str call_query(struct call *c, const char *name);
/*
 * The body as a JSON object.  NULL if it is none: then the answer says so
 * already, and the handler returns.
 */
json_t *call_json(struct call *c);
/* Members of an object; p NULL, or the value given, where it is missing. */
struct str json_text_at(const json_t *object, const char *name);
uint64_t json_u64_at(const json_t *object, const char *name, uint64_t missing);
/* Strings of an array, in the arena; empty where it is missing. */
struct strs json_texts_at(const json_t *object, const char *name,
                          struct arena *arena);

/* Value must live as long as the arena. */
void call_header(struct call *c, const char *name, struct str value);
/* Begins an answer; what stood there is dropped. */
struct doc call_answer_json(struct call *c, unsigned status);
void call_answer_empty(struct call *c, unsigned status);
/* 302 */
void call_answer_redirect(struct call *c, struct str location);

#endif
