#include "keeper/portals.h"

#include "base/text.h"
#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/keeper.h"
#include "keeper/page.h"
#include "keeper/portals_int.h"
#include "keeper/session.h"

#include <inttypes.h>

static struct str
tenant_of(struct turn *t, struct str app, uint64_t portal,
          const struct grant *g, const char *kind, struct str sealed)
{
    struct secret *auto_secret key = NULL;
    struct hidden text;
    if (sealed.n == 0 || grant_open_key(t, app, portal, &key) != ERR_OK ||
        grant_unseal(t, key, app, portal, g->generation, kind, sealed, &text) !=
            ERR_OK)
        return STR_NONE;
    return text.s;
}

struct str
portal_ref(struct turn *t, struct str app, uint64_t portal,
           const struct grant *g)
{
    return tenant_of(t, app, portal, g, "ref", g->sealed_ref);
}

static void
add_error(struct doc *d, const struct grant *g)
{
    doc_key(d, "last_error");
    if (g->last_error.n == 0) {
        doc_null(d);
        return;
    }
    doc_open(d, '{');
    doc_field_str(d, "error", g->last_error);
    doc_field_time(d, "at", g->last_error_at);
    doc_field_u64(d, "failures", g->n_failures);
    doc_close(d, '}');
}

/* Its data key went with a restore, say: it serves nobody, whatever it says. */
static bool
has_lost_key(struct turn *t, struct str app, uint64_t portal,
             const struct grant *g)
{
    struct data_key row;
    struct str key = grant_key(turn_arena(t), app, portal);
    return g->state != GRANT_ERASING &&
           !turn_get(t, STORE_DATA_KEYS, key, &data_key_record, &row);
}

/* Leaves the object open, for what a caller adds. */
static void
add_grant(struct turn *t, struct doc *d, struct str name, uint64_t portal,
          const struct grant *g, struct str ref)
{
    struct app *app = apps_find(turn_keeper(t)->apps, name);
    bool is_lost = has_lost_key(t, name, portal, g);
    doc_open(d, '{');
    doc_field_str(d, "app", name);
    doc_field_u64(d, "portal", portal);
    doc_field_str(d, "state",
                  is_lost ? STR("key_lost")
                          : str_from(grant_state_name(g->state)));
    if (is_lost)
        doc_field_str(d, "problem", GRANT_UNOPENED);
    doc_key(d, "ref");
    if (ref.n > 0)
        doc_str(d, ref);
    else
        doc_null(d);
    doc_field_bool(d, "static", g->is_static);
    doc_field_u64(d, "generation", g->generation);
    doc_field_strs(d, "scopes", g->scopes);
    if (app != NULL)
        doc_field_strs(d, "scopes_wanted", app->conf->scopes);
    doc_field_time(d, "connected_at", g->connected_at);
    doc_field_time(d, "refreshed_at", g->refreshed_at);
    doc_field_time(d, "expires_at", g->expires_at);
    doc_field_time(d, "last_used_at", g->last_used_at);
    doc_field_time(d, "needs_reconnect_since", g->sign_since);
    add_error(d, g);
}

void
portal_answer(struct turn *t, struct waiter w, struct str app, uint64_t portal,
              const struct grant *g, struct str ref)
{
    struct buf auto_buf json = {0};
    buf_init(&json, LIMIT_FRAME / 2);
    struct doc d = doc_into(&json);
    add_grant(t, &d, app, portal, g, ref);
    if (g->state == GRANT_NEEDS_RECONNECT && !g->is_static)
        doc_field_str(&d, "reconnect_url",
                      session_reconnect_url(t, app, portal, g->generation));
    doc_close(&d, '}');
    answer_document(t, w, buf_str(&json));
}

static void
refuse_unknown(struct turn *t)
{
    answer_refusal(t, answer_waiter(t),
                   &(struct refusal_text){
                       .err = ERR_NOT_FOUND,
                       .detail = STR("This portal is not connected to this "
                                     "app.")});
}

enum err
portal_show(struct turn *t, struct str app, uint64_t portal)
{
    struct grant g;
    struct data_key row;
    bool is_there = grant_load(t, app, portal, &g, &row);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there)
        refuse_unknown(t);
    else
        portal_answer(t, answer_waiter(t), app, portal, &g,
                      portal_ref(t, app, portal, &g));
    return ERR_OK;
}

/* Which grants; the cursor is the last key of the page before. */
struct wanted {
    struct str app; /* empty: all apps */
    struct str ref; /* empty: all */
    struct str cursor;
    uint32_t limit;
    uint64_t portal; /* this one only; 0: all */
};

/* Two lists in the order of their keys as one; NULL while waiting. */
static const struct store_ask *
merge(struct turn *t, const struct store_ask *a, const struct store_ask *b)
{
    size_t at_a = 0, at_b = 0;
    if (a == NULL || b == NULL)
        return NULL;
    struct store_ask *both = arena_alloc(turn_arena(t), sizeof(*both));
    *both = *a;
    both->n_rows = 0;
    both->rows =
        arena_alloc(turn_arena(t), (a->limit + 1) * sizeof(*both->rows));
    while (both->n_rows < a->limit && (at_a < a->n_rows || at_b < b->n_rows)) {
        bool is_a = at_b == b->n_rows ||
                    (at_a < a->n_rows &&
                     str_compare(a->rows[at_a].key, b->rows[at_b].key) < 0);
        both->rows[both->n_rows++] = is_a ? a->rows[at_a++] : b->rows[at_b++];
    }
    return both;
}

static const struct store_ask *
find_page(struct turn *t, const struct wanted *p)
{
    struct str old_tag = grant_old_ref_tag(t, p->app, p->ref);
    struct store_ask ask = {.table = STORE_GRANTS,
                            .by = STORE_BY_PREFIX,
                            .after = p->cursor,
                            .limit = p->limit};
    if (p->portal != 0) {
        ask.key = grant_key(turn_arena(t), p->app, p->portal);
        ask.limit = 1; /* a shorter key sorts before those it begins */
    } else if (p->ref.n > 0) {
        ask.by = STORE_BY_TAG;
        ask.tag = grant_ref_tag(t, p->app, p->ref);
    } else if (p->app.n > 0) {
        ask.key = arena_printf(turn_arena(t), "%.*s/", STR_ARG(p->app));
    }
    const struct store_ask *found = turn_find(t, &ask);
    if (ask.by != STORE_BY_TAG || old_tag.n == 0)
        return found;
    ask.tag = old_tag;
    return merge(t, found, turn_find(t, &ask));
}

static bool
load_found(struct turn *t, struct str key, struct str *out_app,
           uint64_t *out_portal, struct grant *out)
{
    struct data_key row;
    return grant_key_parse(key, out_app, out_portal) &&
           grant_load(t, *out_app, *out_portal, out, &row);
}

/* The page's rows and their data keys; NULL while waiting. */
static const struct store_ask *
load_page(struct turn *t, const struct wanted *p)
{
    const struct store_ask *found = find_page(t, p);
    struct grant g;
    struct str app;
    uint64_t portal;
    for (size_t i = 0; found != NULL && i < found->n_rows; i++)
        (void)load_found(t, found->rows[i].key, &app, &portal, &g); /* named */
    return turn_is_waiting(t) ? NULL : found;
}

/* How one grant of a page is written, and what is noted of it. */
struct view {
    void (*add)(struct turn *t, struct doc *d, struct str app, uint64_t portal,
                const struct grant *g);
    void (*note)(struct turn *t, struct str app, uint64_t portal,
                 const struct grant *g); /* NULL: nothing */
};

static enum err
answer_page(struct turn *t, const struct wanted *p, const struct view *view)
{
    struct page auto_page page;
    const struct store_ask *found = load_page(t, p);
    page_open(&page, "portals");
    for (size_t i = 0; found != NULL && i < found->n_rows; i++) {
        struct grant g;
        struct str app;
        uint64_t portal;
        if (!load_found(t, found->rows[i].key, &app, &portal, &g) ||
            (p->portal != 0 && p->portal != portal))
            continue;
        view->add(t, &page.doc, app, portal, &g);
        if (!page_keep(&page, found->rows[i].key))
            break;
        if (view->note != NULL)
            view->note(t, app, portal, &g);
    }
    if (found == NULL)
        return ERR_AGAIN;
    page_close(t, &page, p->portal == 0 && found->n_rows == p->limit);
    return ERR_OK;
}

static void
add_shown(struct turn *t, struct doc *d, struct str app, uint64_t portal,
          const struct grant *g)
{
    add_grant(t, d, app, portal, g, portal_ref(t, app, portal, g));
    doc_close(d, '}');
}

static const struct view shown = {add_shown, NULL};

enum err
do_admin_list(struct turn *t, const void *ask)
{
    const struct admin_page *a = ask;
    struct wanted p = {a->app, a->ref, a->cursor, a->limit};
    if (p.limit == 0 || p.limit > 500)
        p.limit = 500;
    return answer_page(t, &p, &shown);
}

static struct wanted
page_of(const struct relay_portals_list *a)
{
    struct wanted p = {a->app, a->ref, a->cursor, a->limit};
    if (p.limit == 0 || p.limit > 100)
        p.limit = 100;
    return p;
}

enum err
portals_name(struct turn *t, const struct relay_portals_list *a)
{
    struct wanted p = page_of(a);
    return load_page(t, &p) == NULL ? ERR_AGAIN : ERR_OK;
}

enum err
portals_list(struct turn *t, const struct relay_portals_list *a)
{
    struct wanted p = page_of(a);
    const struct store_ask *found = load_page(t, &p);
    if (found == NULL || found->n_rows > 0 ||
        apps_find(turn_keeper(t)->apps, a->app) != NULL)
        return answer_page(t, &p, &shown);
    answer_refusal(
        t, answer_waiter(t),
        &(struct refusal_text){
            .err = ERR_NOT_FOUND,
            .detail =
                STR("There is no app of that name in the configuration.")});
    return ERR_OK;
}

enum err
do_admin_show(struct turn *t, const void *ask)
{
    const struct admin_portal *a = ask;
    return portal_show(t, a->app, a->portal);
}

static void
add_export(struct turn *t, struct doc *d, struct str app, uint64_t portal,
           const struct grant *g, bool with_tokens)
{
    struct str user = tenant_of(t, app, portal, g, "user", g->sealed_user);
    struct str rest = user, id = STR_NONE;
    add_grant(t, d, app, portal, g, portal_ref(t, app, portal, g));
    (void)str_cut(&rest, ' ', &id); /* "id e-mail", or "id" alone */
    doc_field_str(d, "user_id", id);
    doc_field_str(d, "user_email", rest.p != NULL ? rest : STR_NONE);
    if (with_tokens)
        doc_field_str(
            d, g->is_static ? "static_token" : "refresh_token",
            g->is_static
                ? tenant_of(t, app, portal, g, "access", g->sealed_access)
                : tenant_of(t, app, portal, g, "refresh", g->sealed_refresh));
    doc_close(d, '}');
}

static void
add_without_tokens(struct turn *t, struct doc *d, struct str app,
                   uint64_t portal, const struct grant *g)
{
    add_export(t, d, app, portal, g, false);
}

static void
note_without_tokens(struct turn *t, struct str app, uint64_t portal,
                    const struct grant *g)
{
    portal_note_export(t, app, portal, g, false);
}

static void
add_with_tokens(struct turn *t, struct doc *d, struct str app, uint64_t portal,
                const struct grant *g)
{
    add_export(t, d, app, portal, g, true);
}

static void
note_with_tokens(struct turn *t, struct str app, uint64_t portal,
                 const struct grant *g)
{
    portal_note_export(t, app, portal, g, true);
}

/* Everything held, a page at a time; one portal where a->portal says so. */
enum err
do_admin_export(struct turn *t, const void *ask)
{
    const struct admin_page *a = ask;
    struct wanted p = {a->app, a->ref, a->cursor, a->limit, a->portal};
    if (p.limit == 0 || p.limit > 200)
        p.limit = 200;
    static const struct view plain = {add_without_tokens, note_without_tokens};
    static const struct view whole = {add_with_tokens, note_with_tokens};
    return answer_page(t, &p, a->with_tokens ? &whole : &plain);
}
