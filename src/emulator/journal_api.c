#include "emulator/journal_api.h"

#include "base/text.h"
#include "emulator/crm_input.h"
#include "emulator/hubdoc.h"
#include "emulator/refusals.h"

#include <inttypes.h>
#include <sodium.h>

#define BATCH_MOST 100

struct journal *
journal_of_call(struct call *c, const char *scope)
{
    struct str wanted =
        arena_printf(c->arena, "developer.webhooks_journal.%s", scope);
    if (grant_has_scope(c->grant, wanted))
        return journal_of(c->world, c->client_id);
    refuse_missing_scopes(c, (struct strs){&wanted, 1});
    return NULL;
}

/* A read of the journal at hand. */
struct reading {
    struct call *c;
    struct journal *journal;
    uint64_t portal; /* 0: all */
};

/* False: answered. */
static bool
reading_begin(struct reading *r, struct call *c)
{
    *r = (struct reading){.c = c, .journal = journal_of_call(c, "read")};
    if (r->journal == NULL)
        return false;
    if (str_starts(c->path, STR("/webhooks-journal/journal-local/")))
        (void)str_to_u64(call_query(c, "installPortalId"),
                         &r->portal); /* 0: it is optional */
    c->has_changed = journal_refresh(c->world, r->journal);
    return true;
}

/* What a presigned URL is signed with; the seed is no secret, nor is this. */
static struct str
signature_of(struct call *c, struct str offset, struct str portal,
             struct str expires)
{
    uint8_t d[16];
    struct buf auto_buf hex;
    struct str text =
        arena_printf(c->arena, "%" PRIu64 " %.*s %.*s %.*s", c->world->seed,
                     STR_ARG(offset), STR_ARG(portal), STR_ARG(expires));
    buf_init(&hex, 64);
    (void)crypto_generichash(d, sizeof(d), (const uint8_t *)text.p, text.n,
                             NULL, 0); /* sizes that it takes */
    text_add_hex(&hex, str_of(d, sizeof(d)));
    return arena_copy(c->arena, buf_str(&hex));
}

static void
add_pointer(const struct reading *r, const struct journal_file *f,
            struct doc *d)
{
    struct call *c = r->c;
    int64_t expires_ms =
        world_now_ms(c->world) + c->world->settings.journal_url_lifetime * 1000;
    struct str portal = arena_printf(c->arena, "%" PRIu64, r->portal);
    struct str expires = arena_printf(c->arena, "%" PRId64, expires_ms);
    struct str signature = signature_of(c, f->offset, portal, expires);
    struct str app = c->client_id;
    doc_open(d, '{');
    doc_field_str(d, "url",
                  arena_printf(c->arena,
                               "%.*s/journal-files/%.*s/%.*s?portal=%.*s&"
                               "expires=%.*s&signature=%.*s",
                               STR_ARG(c->world->origin), STR_ARG(app),
                               STR_ARG(f->offset), STR_ARG(portal),
                               STR_ARG(expires), STR_ARG(signature)));
    hubdoc_time(d, "expiresAt", expires_ms);
    doc_field_str(d, "currentOffset", f->offset);
    doc_close(d, '}');
}

static void
answer_pointer(const struct reading *r, const struct journal_file *f)
{
    if (f == NULL) {
        call_answer_empty(r->c, 204);
        return;
    }
    struct doc d = call_answer_json(r->c, 200);
    add_pointer(r, f, &d);
}

/* NULL: refused, as HubSpot refuses offsets that expired or never were. */
static const struct journal_file *
file_of_path(const struct reading *r)
{
    struct str offset = r->c->params[0];
    const struct journal_file *f = journal_find(r->journal, offset);
    if (f == NULL)
        refuse_about(r->c, 404, STR("OBJECT_NOT_FOUND"),
                     STR("The offset has expired or does not exist."), "offset",
                     offset);
    return f;
}

void
do_journal_earliest(struct call *c)
{
    struct reading r;
    if (reading_begin(&r, c))
        answer_pointer(&r, journal_first(r.journal, r.portal));
}

void
do_journal_latest(struct call *c)
{
    struct reading r;
    if (reading_begin(&r, c))
        answer_pointer(&r, journal_last(r.journal, r.portal));
}

void
do_journal_next(struct call *c)
{
    struct reading r;
    const struct journal_file *f =
        reading_begin(&r, c) ? file_of_path(&r) : NULL;
    if (f != NULL)
        answer_pointer(&r, journal_after(r.journal, f, r.portal));
}

/* False: the count in the path is none; answered. */
static bool
read_count(struct call *c, struct str text, uint64_t *out)
{
    if (str_to_u64(text, out) && *out >= 1 && *out <= BATCH_MOST)
        return true;
    refuse(c, 400, STR("VALIDATION_ERROR"),
           arena_printf(c->arena, "count must be from 1 to %d", BATCH_MOST));
    return false;
}

static struct doc
batch_begin(const struct reading *r)
{
    struct doc d = call_answer_json(r->c, 200);
    doc_open(&d, '{');
    doc_field_str(&d, "status", STR("COMPLETE"));
    doc_key(&d, "results");
    doc_open(&d, '[');
    return d;
}

static void
batch_end(const struct reading *r, struct doc *d)
{
    int64_t now_ms = world_now_ms(r->c->world);
    hubdoc_time(d, "requestedAt", now_ms);
    hubdoc_time(d, "startedAt", now_ms);
    hubdoc_time(d, "completedAt", now_ms);
    doc_close(d, '}');
}

/* Up to n files from f on; NULL: none. */
static void
answer_batch(const struct reading *r, const struct journal_file *f, uint64_t n)
{
    struct doc d = batch_begin(r);
    for (; f != NULL && n > 0; n--) {
        add_pointer(r, f, &d);
        f = journal_after(r->journal, f, r->portal);
    }
    doc_close(&d, ']');
    batch_end(r, &d);
}

void
do_journal_batch_earliest(struct call *c)
{
    struct reading r;
    uint64_t n;
    if (reading_begin(&r, c) && read_count(c, c->params[0], &n))
        answer_batch(&r, journal_first(r.journal, r.portal), n);
}

void
do_journal_batch_latest(struct call *c)
{
    struct reading r;
    uint64_t n;
    if (!reading_begin(&r, c) || !read_count(c, c->params[0], &n))
        return;
    const struct journal_file *f = journal_last(r.journal, r.portal), *before;
    for (uint64_t i = 1; f != NULL && i < n; i++) {
        before = journal_before(r.journal, f, r.portal);
        f = before != NULL ? before : f;
    }
    answer_batch(&r, f, n);
}

void
do_journal_batch_next(struct call *c)
{
    struct reading r;
    uint64_t n;
    if (!reading_begin(&r, c) || !read_count(c, c->params[1], &n))
        return;
    const struct journal_file *f = file_of_path(&r);
    if (f != NULL)
        answer_batch(&r, journal_after(r.journal, f, r.portal), n);
}

static void
add_unknown(struct call *c, const struct strs *unknown, struct doc *d)
{
    doc_field_u64(d, "numErrors", unknown->n);
    doc_key(d, "errors");
    doc_open(d, '[');
    for (size_t i = 0; i < unknown->n; i++) {
        struct crm_error e =
            crm_error_of(404, STR("OBJECT_NOT_FOUND"),
                         STR("The offset has expired or does not exist."));
        e.about = "offset";
        e.about_value = unknown->v[i];
        crm_error_add(&e, d);
    }
    doc_close(d, ']');
    c->status = 207;
}

void
do_journal_batch_read(struct call *c)
{
    struct reading r;
    json_t *body = call_json(c);
    if (body == NULL || !reading_begin(&r, c))
        return;
    struct strs inputs = json_texts_at(body, "inputs", c->arena);
    struct strs unknown = {arena_alloc(c->arena, inputs.n * sizeof(*unknown.v)),
                           0};
    if (inputs.n == 0 || inputs.n > BATCH_MOST) {
        refuse(c, 400, STR("VALIDATION_ERROR"),
               STR("inputs must be a list of 1 to 100 offsets"));
        return;
    }
    struct doc d = batch_begin(&r);
    for (size_t i = 0; i < inputs.n; i++) {
        const struct journal_file *f = journal_find(r.journal, inputs.v[i]);
        if (f != NULL)
            add_pointer(&r, f, &d);
        else
            unknown.v[unknown.n++] = inputs.v[i];
    }
    doc_close(&d, ']');
    if (unknown.n > 0)
        add_unknown(c, &unknown, &d);
    batch_end(&r, &d);
}

/* The words of the store that keeps the files, not HubSpot's. */
static void
refuse_file(struct call *c, unsigned status, const char *code,
            const char *message)
{
    call_answer_empty(c, status);
    c->type = STR("application/xml");
    buf_addf(&c->out,
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s"
             "</Code><Message>%s</Message></Error>\n",
             code, message);
}

void
do_journal_file(struct call *c)
{
    struct str portal_text = call_query(c, "portal");
    struct str expires_text = call_query(c, "expires");
    struct str signature =
        signature_of(c, c->params[1], portal_text, expires_text);
    uint64_t portal, expires_ms;
    if (c->authorization.n > 0) {
        refuse_file(c, 400, "InvalidArgument",
                    "Only one way of authorization is allowed");
        return;
    }
    if (!str_to_u64(portal_text, &portal) ||
        !str_to_u64(expires_text, &expires_ms) ||
        !str_equal(signature, call_query(c, "signature"))) {
        refuse_file(c, 403, "SignatureDoesNotMatch", "The URL was changed");
        return;
    }
    if ((int64_t)expires_ms <= world_now_ms(c->world)) {
        refuse_file(c, 403, "AccessDenied", "Request has expired");
        return;
    }
    const struct journal_file *f =
        journal_find(journal_of(c->world, c->params[0]), c->params[1]);
    if (f == NULL) {
        refuse_file(c, 404, "NoSuchKey", "There is no such file");
        return;
    }
    (void)call_answer_json(c, 200); /* for its type */
    journal_add_file(f, portal, &c->out);
}
