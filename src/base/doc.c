#include "base/doc.h"

#include "base/text.h"

struct doc
doc_into(struct buf *out)
{
    return (struct doc){.out = out};
}

static void
before_value(struct doc *d)
{
    if (d->needs_comma)
        buf_add_char(d->out, ',');
    d->needs_comma = true;
}

void
doc_open(struct doc *d, char bracket)
{
    before_value(d);
    buf_add_char(d->out, bracket);
    d->needs_comma = false;
}

void
doc_close(struct doc *d, char bracket)
{
    buf_add_char(d->out, bracket);
    d->needs_comma = true;
}

void
doc_key(struct doc *d, const char *name)
{
    before_value(d);
    text_add_json(d->out, str_from(name));
    buf_add_char(d->out, ':');
    d->needs_comma = false;
}

void
doc_str(struct doc *d, struct str text)
{
    before_value(d);
    text_add_json(d->out, text);
}

void
doc_u64(struct doc *d, uint64_t value)
{
    before_value(d);
    buf_add_u64(d->out, value);
}

void
doc_json(struct doc *d, struct str json)
{
    before_value(d);
    buf_add(d->out, json);
}

void
doc_bool(struct doc *d, bool value)
{
    before_value(d);
    buf_add(d->out, value ? STR("true") : STR("false"));
}

void
doc_null(struct doc *d)
{
    before_value(d);
    buf_add(d->out, STR("null"));
}

void
doc_strs(struct doc *d, struct strs all)
{
    doc_open(d, '[');
    for (size_t i = 0; i < all.n; i++)
        doc_str(d, all.v[i]);
    doc_close(d, ']');
}

void
doc_time(struct doc *d, int64_t unix_s)
{
    if (unix_s == 0) {
        doc_null(d);
        return;
    }
    before_value(d);
    buf_add_char(d->out, '"');
    text_add_time(d->out, unix_s);
    buf_add_char(d->out, '"');
}

void
doc_field_str(struct doc *d, const char *name, struct str text)
{
    doc_key(d, name);
    doc_str(d, text);
}

void
doc_field_u64(struct doc *d, const char *name, uint64_t value)
{
    doc_key(d, name);
    doc_u64(d, value);
}

void
doc_field_bool(struct doc *d, const char *name, bool value)
{
    doc_key(d, name);
    doc_bool(d, value);
}

void
doc_field_time(struct doc *d, const char *name, int64_t unix_s)
{
    doc_key(d, name);
    doc_time(d, unix_s);
}

void
doc_field_strs(struct doc *d, const char *name, struct strs all)
{
    doc_key(d, name);
    doc_strs(d, all);
}
