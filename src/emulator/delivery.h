#ifndef EMULATOR_DELIVERY_H
#define EMULATOR_DELIVERY_H

#include "base/buf.h"
#include "emulator/settings.h"

struct lane;
struct world;

/*
 * One request that the emulator sends to an app, with all its attempts: a
 * batch of push events, or what a workflow, a CRM card or a UI extension
 * sends (hubspot.md 4.1 to 4.4).
 */
enum delivery_kind {
    DELIVERY_EVENTS,
    DELIVERY_WORKFLOW,
    DELIVERY_CARD,
    DELIVERY_FETCH,
    DELIVERY_KINDS,
};

/* OPEN (more events join it) -> READY -> FLYING -> gone, or WAITING for its
 * next attempt -> READY. */
enum delivery_state {
    DELIVERY_OPEN,
    DELIVERY_READY,
    DELIVERY_FLYING,
    DELIVERY_WAITING,
};

/* What an order can ask for beyond the usual; zeroed: as usual. */
struct style {
    struct str url;      /* p NULL: the app's target */
    struct str sign_url; /* the URL as the app knows it; p NULL: url */
    struct str secret;   /* p NULL: the app's */
    struct str versions; /* p NULL: the setting's */
    bool is_bad;         /* a wrong signature */
    int64_t shift_ms;    /* added to the timestamp */
};

struct pushed {
    uint64_t serial;
    struct str json; /* without attemptNumber and the closing brace */
};

struct delivery {
    uint64_t id;
    enum delivery_kind kind;
    enum delivery_state state;
    struct str client_id;
    uint64_t portal; /* 0: events of several */
    struct style style;
    struct str method;
    struct str body; /* p NULL: the events */
    struct pushed *events;
    size_t n, room;
    unsigned attempt; /* the next one, or the one in flight */
    int64_t due_ms;   /* OPEN: closes; WAITING: next attempt */
    int64_t sent_at_ms;
    struct lane *lane;
    struct delivery *previous, *next; /* in its lane */
};

/* model gives kind, client, portal, style, method and body; copied. */
struct delivery *delivery_new(const struct delivery *model);
void delivery_free(struct delivery *d);
/* json is copied. */
void delivery_add(struct delivery *d, uint64_t serial, struct str json);
/* In place of what stood there; at most once for each delivery. */
void delivery_shuffle(struct delivery *d, struct world *w);
void delivery_add_body(const struct delivery *d, struct buf *out);
/* How many events it stands for: 1 for what is none. */
size_t delivery_weight(const struct delivery *d);

struct style style_copy(const struct style *s);
void style_drop(struct style *s);
const char *delivery_kind_name(enum delivery_kind kind);
bool delivery_kind_find(struct str name, enum delivery_kind *out);

/* What became of an attempt. */
struct outcome {
    unsigned status;        /* 0: no answer */
    struct str error;       /* a literal; empty: none */
    int64_t retry_after_ms; /* -1: not said */
};
/*
 * Milliseconds until the next attempt after this outcome; -1: it was good or
 * is given up.
 */
int64_t delivery_wait_ms(const struct delivery *d, const struct outcome *o,
                         struct world *w);
bool outcome_is_good(const struct outcome *o);

#endif
