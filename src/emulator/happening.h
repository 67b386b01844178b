#ifndef EMULATOR_HAPPENING_H
#define EMULATOR_HAPPENING_H

#include "base/doc.h"
#include "emulator/crm_types.h"

/*
 * Something that happened in an account, in the words of a push event
 * (hubspot.md 4.1) and of a journal entry (4.5).  A plain value: texts are
 * the caller's.
 *
 *     struct happening h = {.kind = HAPPENING_CHANGE, .portal = 1001, ...};
 *     news_tell(w, &h);
 */
enum happening_kind {
    HAPPENING_CREATION,
    HAPPENING_DELETION,
    HAPPENING_MERGE,
    HAPPENING_RESTORE,
    HAPPENING_CHANGE,      /* of one property */
    HAPPENING_ASSOCIATION, /* one side of it */
    HAPPENING_PRIVACY,     /* deletion for good */
    HAPPENING_INSTALL,
    HAPPENING_UNINSTALL,
    HAPPENING_KINDS,
};

struct happening {
    enum happening_kind kind;
    uint64_t portal;
    const struct crm_type *type; /* NULL: life cycle */
    uint64_t object_id;          /* of an association: where it begins */
    int64_t at_ms;
    uint64_t event_id;      /* the same for all that one write caused */
    uint64_t serial;        /* ours: no other has it; 0: not pushed */
    struct str source;      /* changeSource */
    struct str property;    /* of CHANGE */
    struct str value;       /* p NULL: it was taken away */
    const uint64_t *merged; /* of MERGE */
    size_t n_merged;
    uint64_t primary_id, new_id;
    uint64_t n_moved;
    const struct crm_type *to_type; /* of ASSOCIATION */
    uint64_t to_id;
    bool is_removed;
    struct str client_id; /* life cycle: the one app that it concerns */
    uint64_t user_id;     /* life cycle: who did it */
};

/* "creation": what stands behind the dot of a subscription's type. */
struct str happening_name(enum happening_kind kind);
bool happening_find(struct str name, enum happening_kind *out);
/* "CREATE": the journal's name for it. */
struct str happening_action(const struct happening *h);

/* Who is told, and as what. */
struct happening_push {
    uint64_t app_id;
    uint64_t subscription_id;
    struct str subscription_type; /* contact.creation, object.creation */
    bool is_generic;              /* an object.* subscription */
};
/*
 * A push event without its closing brace: attemptNumber, which changes, is
 * added when it is sent.
 */
void happening_add_push(const struct happening *h,
                        const struct happening_push *push, struct buf *out);
/* A whole element of journalEvents. */
void happening_add_journal(const struct happening *h, uint64_t app_id,
                           struct buf *out);
/* HubSpot's number of an unlabelled association. */
unsigned happening_link_type(enum crm_kind from, enum crm_kind to);

/* HubSpot's ids of an app's life cycle events. */
#define EVENT_TYPE_INSTALL "4-1909196"
#define EVENT_TYPE_UNINSTALL "4-1916193"

#endif
