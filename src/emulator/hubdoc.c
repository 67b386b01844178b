#include "emulator/hubdoc.h"

#include "base/text.h"

#include <inttypes.h>

static void
add_value(struct doc *d, struct str value)
{
    if (d->needs_comma)
        buf_add_char(d->out, ',');
    d->needs_comma = true;
    buf_add(d->out, value);
}

void
hubdoc_key(struct doc *d, struct str name)
{
    doc_str(d, name);
    buf_add_char(d->out, ':');
    d->needs_comma = false;
}

void
hubdoc_add_time(struct buf *out, int64_t unix_ms)
{
    int64_t ms = (unix_ms % 1000 + 1000) % 1000; /* also before 1970 */
    text_add_time(out, (unix_ms - ms) / 1000);
    out->n--; /* the Z goes behind the milliseconds */
    char rest[] = {'.', (char)('0' + ms / 100), (char)('0' + ms % 100 / 10),
                   (char)('0' + ms % 10), 'Z'};
    buf_add(out, str_of(rest, sizeof(rest)));
}

void
hubdoc_time(struct doc *d, const char *name, int64_t unix_ms)
{
    doc_key(d, name);
    add_value(d, STR("\""));
    hubdoc_add_time(d->out, unix_ms);
    buf_add_char(d->out, '"');
}

void
hubdoc_id(struct doc *d, const char *name, uint64_t id)
{
    doc_key(d, name);
    add_value(d, STR("\""));
    buf_add_u64(d->out, id);
    buf_add_char(d->out, '"');
}

void
hubdoc_maybe(struct doc *d, const char *name, struct str text)
{
    doc_key(d, name);
    if (text.p == NULL)
        doc_null(d);
    else
        doc_str(d, text);
}

void
hubdoc_i64(struct doc *d, const char *name, int64_t value)
{
    doc_key(d, name);
    add_value(d, STR_NONE);
    buf_addf(d->out, "%" PRId64, value);
}

void
hubdoc_raw(struct doc *d, const char *name, struct str json)
{
    doc_key(d, name);
    add_value(d, json);
}
