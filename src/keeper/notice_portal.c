#include "keeper/notice.h"

#include "base/doc.h"
#include "keeper/apps.h"
#include "keeper/keeper.h"
#include "keeper/portals.h"
#include "keeper/session.h"

/* What becomes of a portal, told to the app's backend. */

#define DATA_MAX 60000 /* scopes, and a link */

/* Those of `all` that are not in `without`. */
static struct strs
rest_of(struct turn *t, struct strs all, struct strs without)
{
    struct strs out = {
        arena_alloc(turn_arena(t), (all.n + 1) * sizeof(struct str)), 0};
    for (size_t i = 0; i < all.n; i++)
        if (!strs_have(without, all.v[i]))
            out.v[out.n++] = all.v[i];
    return out;
}

static struct strs
missing(struct turn *t, struct str app, struct strs granted)
{
    const struct app *a = apps_find(turn_keeper(t)->apps, app);
    return a != NULL ? rest_of(t, a->conf->scopes, granted)
                     : (struct strs){NULL, 0};
}

static void
put(struct turn *t, struct notice *n, const struct buf *data)
{
    n->data = buf_str(data);
    notice_put(t, n);
}

static void
put_scopes_changed(struct turn *t, struct notice *n, const struct grant *old,
                   const struct grant *g)
{
    struct buf auto_buf data = {0};
    struct strs added = rest_of(t, g->scopes, old->scopes);
    struct strs removed = rest_of(t, old->scopes, g->scopes);
    if (added.n == 0 && removed.n == 0)
        return;
    buf_init(&data, DATA_MAX);
    struct doc d = doc_into(&data);
    doc_open(&d, '{');
    doc_field_strs(&d, "granted", g->scopes);
    doc_field_strs(&d, "missing", missing(t, n->app, g->scopes));
    doc_field_strs(&d, "added", added);
    doc_field_strs(&d, "removed", removed);
    doc_close(&d, '}');
    n->kind = PARCEL_SCOPES_CHANGED;
    put(t, n, &data);
}

void
notice_connected(struct turn *t, struct notice *n, const struct grant *old,
                 const struct grant *g)
{
    struct buf auto_buf data = {0};
    n->kind = PARCEL_CONNECTED;
    n->generation = g->generation;
    buf_init(&data, DATA_MAX);
    struct doc d = doc_into(&data);
    doc_open(&d, '{');
    doc_field_bool(&d, "is_reconnect", old != NULL);
    doc_field_strs(&d, "granted", g->scopes);
    doc_field_strs(&d, "missing", missing(t, n->app, g->scopes));
    doc_close(&d, '}');
    put(t, n, &data);
    if (old != NULL)
        put_scopes_changed(t, n, old, g);
}

void
notice_needs_reconnect(struct turn *t, struct str app, uint64_t portal,
                       const struct grant *g, struct str status)
{
    struct buf auto_buf data = {0};
    struct notice n = {.kind = PARCEL_NEEDS_RECONNECT,
                       .app = app,
                       .portal = portal,
                       .generation = g->generation,
                       .ref = portal_ref(t, app, portal, g)};
    buf_init(&data, DATA_MAX);
    struct doc d = doc_into(&data);
    doc_open(&d, '{');
    doc_field_str(&d, "status", status);
    if (!g->is_static)
        doc_field_str(&d, "reconnect_url",
                      session_reconnect_url(t, app, portal, g->generation));
    doc_close(&d, '}');
    put(t, &n, &data);
}
