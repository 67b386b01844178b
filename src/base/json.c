#include "base/json.h"

#include "base/text.h"

struct json
json_into(struct buf *out)
{
    return (struct json){.out = out};
}

static void
before_value(struct json *j)
{
    if (j->needs_comma)
        buf_add_char(j->out, ',');
    j->needs_comma = true;
}

void
json_open(struct json *j, char bracket)
{
    before_value(j);
    buf_add_char(j->out, bracket);
    j->needs_comma = false;
}

void
json_close(struct json *j, char bracket)
{
    buf_add_char(j->out, bracket);
    j->needs_comma = true;
}

void
json_key(struct json *j, const char *name)
{
    before_value(j);
    text_add_json(j->out, str_from(name));
    buf_add_char(j->out, ':');
    j->needs_comma = false;
}

void
json_str(struct json *j, struct str text)
{
    before_value(j);
    text_add_json(j->out, text);
}

void
json_u64(struct json *j, uint64_t value)
{
    before_value(j);
    buf_add_u64(j->out, value);
}

void
json_bool(struct json *j, bool value)
{
    before_value(j);
    buf_add(j->out, value ? STR("true") : STR("false"));
}

void
json_null(struct json *j)
{
    before_value(j);
    buf_add(j->out, STR("null"));
}

void
json_strs(struct json *j, struct strs all)
{
    json_open(j, '[');
    for (size_t i = 0; i < all.n; i++)
        json_str(j, all.v[i]);
    json_close(j, ']');
}

void
json_time(struct json *j, int64_t unix_s)
{
    if (unix_s == 0) {
        json_null(j);
        return;
    }
    before_value(j);
    buf_add_char(j->out, '"');
    text_add_time(j->out, unix_s);
    buf_add_char(j->out, '"');
}

void
json_field_str(struct json *j, const char *name, struct str text)
{
    json_key(j, name);
    json_str(j, text);
}

void
json_field_u64(struct json *j, const char *name, uint64_t value)
{
    json_key(j, name);
    json_u64(j, value);
}

void
json_field_bool(struct json *j, const char *name, bool value)
{
    json_key(j, name);
    json_bool(j, value);
}

void
json_field_time(struct json *j, const char *name, int64_t unix_s)
{
    json_key(j, name);
    json_time(j, unix_s);
}

void
json_field_strs(struct json *j, const char *name, struct strs all)
{
    json_key(j, name);
    json_strs(j, all);
}
