#include "emulator/settings.h"

#include "emulator/hubdoc.h"
#include "emulator/signing.h"
#include "emulator/target.h"
#include "http/url.h"

#include <stddef.h>

static bool
target_is_none_or_good(struct str text)
{
    return text.n == 0 || target_is_good(text);
}

static bool
url_is_none_or_good(struct str text)
{
    struct url u;
    return text.n == 0 || url_parse(text, &u) == ERR_OK;
}

static bool
versions_are_good(struct str text)
{
    unsigned versions;
    return signing_read_versions(text, &versions);
}

static const struct setting {
    const char *name;
    size_t offset;
    int64_t initial, least, most;
    bool is_flag;
    const char *text; /* the default of a text; NULL: it is a number */
    bool (*is_good)(struct str text);
} table[] = {
#define NUMBER(name, initial, least, most)                                   \
    {                                                                        \
#name, offsetof(struct settings, name), initial, least, most, false, \
            NULL, NULL                                                       \
    }
#define FLAG(name)                                                        \
    {                                                                     \
#name, offsetof(struct settings, name), 0, 0, 1, true, NULL, NULL \
    }
#define TEXT(name, text, is_good)                                             \
    {                                                                         \
#name, offsetof(struct settings, name), 0, 0, 0, false, text, is_good \
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
    NUMBER(webhook_retries, 10, 0, 10),
    NUMBER(webhook_batch, 100, 1, 100),
    NUMBER(webhook_delay_ms, 50, 0, 600000),
    NUMBER(webhook_concurrency, 10, 1, 1000),
    NUMBER(webhook_timeout_ms, 5000, 10, 600000),
    NUMBER(webhook_duplicates, 0, 0, 1000000),
    NUMBER(webhook_speed, 1, 1, 10000000),
    FLAG(webhook_shuffle),
    FLAG(webhook_mix_portals),
    FLAG(webhook_lifecycle),
    NUMBER(journal_delay_ms, 0, 0, 86400000),
    NUMBER(journal_file_events, 10000, 1, 10000),
    NUMBER(journal_url_lifetime, 300, 1, 86400),
    TEXT(webhook_url, "", target_is_none_or_good),
    TEXT(webhook_sign_url, "", url_is_none_or_good),
    TEXT(webhook_versions, "v1,v3", versions_are_good),
#undef NUMBER
#undef FLAG
#undef TEXT
};

#define N_SETTINGS (sizeof(table) / sizeof(table[0]))

static int64_t *
value_at(struct settings *s, const struct setting *row)
{
    return (int64_t *)((char *)s + row->offset);
}

static char *
text_at(struct settings *s, const struct setting *row)
{
    return (char *)s + row->offset;
}

/* The text is no longer than SETTING_TEXT - 1. */
static void
set_text(struct settings *s, const struct setting *row, struct str text)
{
    memset(text_at(s, row), 0, SETTING_TEXT);
    memcpy(text_at(s, row), text.p, text.n);
}

void
settings_reset(struct settings *s)
{
    for (size_t i = 0; i < N_SETTINGS; i++) {
        if (table[i].text != NULL)
            set_text(s, &table[i], str_from(table[i].text));
        else
            *value_at(s, &table[i]) = table[i].initial;
    }
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

static bool
take_text(struct settings *s, const struct setting *row, const json_t *json)
{
    struct str text = json_is_null(json) ? str_from(row->text)
                                         : str_of(json_string_value(json),
                                                  json_string_length(json));
    if (text.p == NULL || text.n >= SETTING_TEXT || !row->is_good(text))
        return false;
    set_text(s, row, text);
    return true;
}

static bool
take_value(struct settings *s, const struct setting *row, const json_t *json)
{
    return row->text != NULL ? take_text(s, row, json)
                             : read_value(row, json, value_at(s, row));
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
        if (!take_value(&next, row, value))
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
        if (table[i].text != NULL) {
            doc_field_str(d, table[i].name,
                          str_from(text_at(&copy, &table[i])));
            continue;
        }
        int64_t value = *value_at(&copy, &table[i]);
        if (table[i].is_flag)
            doc_field_bool(d, table[i].name, value != 0);
        else
            hubdoc_i64(d, table[i].name, value);
    }
    doc_close(d, '}');
}
