#ifndef EMULATOR_SUBSCRIPTIONS_H
#define EMULATOR_SUBSCRIPTIONS_H

#include "base/buf.h"
#include "emulator/happening.h"

/*
 * What an app has subscribed to by push: the webhooks/ files beside its
 * app-hsmeta.json (hubspot.md 8).  Without such files it is told of all that
 * happens to records.
 *
 *     for (size_t at = 0; subscriptions_match(&app->hooks, &h, &at, &push);)
 *         ...
 */
struct subscription {
    struct str type; /* contact.propertyChange, object.creation */
    const struct crm_type *object;
    enum happening_kind kind;
    struct str property; /* p NULL: any */
    bool is_generic;     /* object.* */
    uint64_t id;
};

struct subscriptions {
    bool is_declared;
    struct subscription *v;
    size_t n, room;
    struct str target;    /* the file's targetUrl */
    uint64_t concurrency; /* its maxConcurrentRequests; 0: not said */
};

void subscriptions_done(struct subscriptions *all);
/*
 * Reads the webhooks files beside that app-hsmeta.json, if there are
 * any.  On failure a sentence is added to out_why.
 */
enum err subscriptions_read(struct subscriptions *all, const char *app_path,
                            struct buf *out_why) WARN_UNUSED;
/*
 * The next subscription from *at on that h falls under; false: no more.
 * Fills all of *out but app_id; type_text must hold the type where none was
 * declared.
 */
bool subscriptions_match(const struct subscriptions *all,
                         const struct happening *h, size_t *at,
                         struct buf *type_text, struct happening_push *out);
/* contact.creation, app.uninstall: the type's usual name, and its number. */
void subscriptions_usual(const struct happening *h, struct buf *type_text,
                         struct happening_push *out);

#endif
