#include "emulator/settings.h"

#include "emulator/hubdoc.h"

#include <stddef.h>

static const struct setting {
    const char *name;
    size_t offset;
    int64_t initial, least, most;
    bool is_flag;
} table[] = {
#define NUMBER(name, initial, least, most)                                  \
    {                                                                       \
#name, offsetof(struct settings, name), initial, least, most, false \
    }
#define FLAG(name)                                            \
    {                                                         \
#name, offsetof(struct settings, name), 0, 0, 1, true \
    }
    NUMBER(expires_in, 1800, 1, 86400 * 365),
    NUMBER(code_lifetime, 60, 1, 86400),
    NUMBER(latency_ms, 0, 0, 600000),
    NUMBER(rate_limit, -1, -1, 10000),
    NUMBER(rate_window_ms, 10000, 1, 3600000),
    NUMBER(search_limit, 5, 0, 10000),
    NUMBER(daily_limit, -1, -1, 1000000000),
    NUMBER(throttle_token_endpoint, 0, 0, 10000),
    FLAG(rotate_refresh),
    FLAG(omit_hub_id),
    FLAG(omit_scopes),
    FLAG(omit_refresh_token),
#undef NUMBER
#undef FLAG
};

#define N_SETTINGS (sizeof(table) / sizeof(table[0]))

static int64_t *
value_at(struct settings *s, const struct setting *row)
{
    return (int64_t *)((char *)s + row->offset);
}

void
settings_reset(struct settings *s)
{
    for (size_t i = 0; i < N_SETTINGS; i++)
        *value_at(s, &table[i]) = table[i].initial;
}

static const struct setting *
find(const char *name)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

/* null is the default, false is 0: so that a limit can be switched off. */
static bool
read_value(const struct setting *row, const json_t *json, int64_t *out)
{
    if (json_is_null(json))
        *out = row->initial;
    else if (json_is_boolean(json))
        *out = json_is_true(json) ? 1 : 0;
    else if (json_is_integer(json))
        *out = json_integer_value(json);
    else
        return false;
    if (json_is_true(json) && !row->is_flag)
        return false;
    return *out >= row->least && *out <= row->most;
}

enum err
settings_put(struct settings *s, json_t *members, const char **out_name)
{
    struct settings next = *s;
    const char *name;
    json_t *value;
    json_object_foreach(members, name, value)
    {
        const struct setting *row = find(name);
        *out_name = name;
        if (row == NULL)
            return ERR_NOT_FOUND;
        if (!read_value(row, value, value_at(&next, row)))
            return ERR_INVALID;
    }
    *s = next;
    return ERR_OK;
}

void
settings_add_json(const struct settings *s, struct doc *d)
{
    struct settings copy = *s;
    doc_open(d, '{');
    for (size_t i = 0; i < N_SETTINGS; i++) {
        int64_t value = *value_at(&copy, &table[i]);
        if (table[i].is_flag)
            doc_field_bool(d, table[i].name, value != 0);
        else
            hubdoc_i64(d, table[i].name, value);
    }
    doc_close(d, '}');
}
