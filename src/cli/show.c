#include "cli/show.h"

#include "base/limits.h"

#define COLUMNS_MAX 24
#define INDENT 2

static void
add_spaces(struct buf *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        buf_add_char(out, ' ');
}

/* C0, DEL, and C1 as UTF-8 has it: a terminal would obey them. */
static void
add_harmless(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = (uint8_t)text.p[i];
        uint8_t next = i + 1 < text.n ? (uint8_t)text.p[i + 1] : 0;
        bool is_c1 = c == 0xc2 && next >= 0x80 && next < 0xa0;
        buf_add_char(out, c < ' ' || c == 0x7f || is_c1 ? '?' : text.p[i]);
        i += is_c1;
    }
}

/* With whichever allocator jansson was given. */
static void
free_dump(char *text)
{
    json_free_t free_text;
    json_get_alloc_funcs(NULL, &free_text);
    free_text(text);
}

static void
add_words(struct buf *out, const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i > 0)
            buf_add_char(out, ' ');
        show_add_value(out, json_array_get(list, i));
    }
}

void
show_add_value(struct buf *out, const json_t *json)
{
    switch (json != NULL ? json_typeof(json) : JSON_NULL) {
    case JSON_STRING:
        add_harmless(out,
                     str_of(json_string_value(json), json_string_length(json)));
        break;
    case JSON_INTEGER:
        buf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        break;
    case JSON_REAL:
        buf_addf(out, "%g", json_real_value(json));
        break;
    case JSON_TRUE:
        buf_add_text(out, "yes");
        break;
    case JSON_FALSE:
        buf_add_text(out, "no");
        break;
    case JSON_ARRAY:
        add_words(out, json);
        break;
    case JSON_OBJECT: {
        char *text = json_dumps(json, JSON_COMPACT);
        add_harmless(out, str_from(text));
        free_dump(text);
        break;
    }
    case JSON_NULL:
        break;
    }
}

/* Letters on the screen, which are fewer than bytes in UTF-8. */
static size_t
width_of(struct str text)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++)
        n += ((uint8_t)text.p[i] & 0xc0) != 0x80;
    return n;
}

/* A value as it is printed; nothing at all shows as a dash. */
static void
read_value(const json_t *json, struct buf *into)
{
    buf_clear(into);
    show_add_value(into, json);
    if (into->n == 0)
        buf_add_char(into, '-');
}

/* One member of an object; key NULL: there are no more. */
struct member {
    json_t *object;
    void *at;
    const char *key;
    const json_t *value;
};

static struct member
member_at(json_t *object, void *at)
{
    if (at == NULL)
        return (struct member){.key = NULL};
    return (struct member){object, at, json_object_iter_key(at),
                           json_object_iter_value(at)};
}

static struct member
first_member(const json_t *object)
{
    /* Iterating counts nothing and changes nothing. */
    json_t *o = (json_t *)(uintptr_t)object;
    return member_at(o, json_object_iter(o));
}

static struct member
next_member(struct member m)
{
    return member_at(m.object, json_object_iter_next(m.object, m.at));
}

struct table {
    const char *names[COLUMNS_MAX];
    size_t lens[COLUMNS_MAX]; /* of the names */
    size_t widths[COLUMNS_MAX];
    size_t n;
    const json_t *rows;
};

static const json_t *
cell_of(const struct table *t, size_t row, size_t column)
{
    return json_object_getn(json_array_get(t->rows, row), t->names[column],
                            t->lens[column]);
}

static void
add_column(struct table *t, const char *name, size_t len)
{
    if (t->n == COLUMNS_MAX)
        return;
    t->names[t->n] = name;
    t->lens[t->n] = len;
    t->widths[t->n] = len;
    for (size_t i = 0; i < json_array_size(t->rows); i++)
        if (cell_of(t, i, t->n) != NULL) {
            t->n++;
            return;
        }
}

static void
choose_columns(struct table *t, const char *columns)
{
    struct str rest = str_from(columns), word;
    if (columns == NULL) {
        struct member m = first_member(json_array_get(t->rows, 0));
        for (; m.key != NULL; m = next_member(m))
            add_column(t, m.key, strlen(m.key));
        return;
    }
    while (str_cut(&rest, ' ', &word))
        add_column(t, word.p, word.n);
}

static void
measure(struct table *t, struct buf *value)
{
    for (size_t i = 0; i < json_array_size(t->rows); i++)
        for (size_t k = 0; k < t->n; k++) {
            read_value(cell_of(t, i, k), value);
            size_t width = width_of(buf_str(value));
            if (width > t->widths[k])
                t->widths[k] = width;
        }
}

static void
add_cell(struct buf *out, const struct table *t, size_t column, struct str text)
{
    if (column > 0)
        add_spaces(out, 2);
    buf_add(out, text);
    if (column + 1 < t->n)
        add_spaces(out, t->widths[column] - width_of(text));
}

static void
add_headings(struct buf *out, const struct table *t, struct buf *value)
{
    for (size_t k = 0; k < t->n; k++) {
        buf_clear(value);
        for (size_t i = 0; i < t->lens[k]; i++) {
            char c = t->names[k][i];
            bool is_small = c >= 'a' && c <= 'z';
            buf_add_char(value, (char)(is_small ? c - 'a' + 'A' : c));
        }
        add_cell(out, t, k, buf_str(value));
    }
    buf_add_char(out, '\n');
}

static void
add_table(struct buf *out, const json_t *rows, const char *columns,
          size_t indent)
{
    struct table t = {.rows = rows};
    struct buf auto_buf value = {0};
    buf_init_secret(&value, LIMIT_CLI_TEXT);
    choose_columns(&t, columns);
    if (t.n == 0 && columns != NULL)
        choose_columns(&t, NULL);
    measure(&t, &value);
    add_spaces(out, indent);
    add_headings(out, &t, &value);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        add_spaces(out, indent);
        for (size_t k = 0; k < t.n; k++) {
            read_value(cell_of(&t, i, k), &value);
            add_cell(out, &t, k, buf_str(&value));
        }
        buf_add_char(out, '\n');
    }
}

static bool
is_rows(const json_t *json)
{
    return json_array_size(json) > 0 && json_is_object(json_array_get(json, 0));
}

static bool
is_nested(const json_t *json)
{
    return is_rows(json) || json_object_size(json) > 0;
}

static void add_object(struct buf *out, const json_t *object,
                       const char *columns, size_t indent);

static void
add_nested(struct buf *out, const char *key, const json_t *value,
           const char *columns, size_t indent)
{
    add_spaces(out, indent);
    buf_addf(out, "%s:\n", key);
    if (json_is_object(value))
        add_object(out, value, columns, indent + INDENT);
    else
        add_table(out, value, columns, indent + INDENT);
}

/* Plain members first, aligned, then the nested ones. */
static void
add_object(struct buf *out, const json_t *object, const char *columns,
           size_t indent)
{
    struct buf auto_buf text = {0};
    struct member m;
    size_t widest = 0;
    buf_init_secret(&text, LIMIT_CLI_TEXT);
    for (m = first_member(object); m.key != NULL; m = next_member(m))
        if (!is_nested(m.value) && strlen(m.key) > widest)
            widest = strlen(m.key);
    for (m = first_member(object); m.key != NULL; m = next_member(m)) {
        if (is_nested(m.value))
            continue;
        read_value(m.value, &text);
        add_spaces(out, indent);
        buf_addf(out, "%s: ", m.key);
        add_spaces(out, widest - strlen(m.key));
        buf_add(out, buf_str(&text));
        buf_add_char(out, '\n');
    }
    for (m = first_member(object); m.key != NULL; m = next_member(m))
        if (is_nested(m.value))
            add_nested(out, m.key, m.value, columns, indent);
}

void
show_add(struct buf *out, const json_t *json, const char *columns)
{
    if (json_is_object(json)) {
        add_object(out, json, columns, 0);
    } else if (is_rows(json)) {
        add_table(out, json, columns, 0);
    } else {
        show_add_value(out, json);
        buf_add_char(out, '\n');
    }
}

void
show_add_json(struct buf *out, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    buf_add_text(out, text);
    buf_add_char(out, '\n');
    free_dump(text);
}

int
show_answer(const struct cli *cli, const json_t *json)
{
    struct buf auto_buf out = {0};
    buf_init_secret(&out, LIMIT_CLI_TEXT);
    if (cli->is_json) {
        char *text = json_dumps(json, JSON_INDENT(2));
        buf_add_text(&out, text);
        buf_add_char(&out, '\n');
        free_dump(text);
    } else {
        show_add(&out, json, cli->verb->columns);
    }
    if (buf_err(&out) != ERR_OK)
        return cli_fail(cli, "the answer is too long to print; see --json");
    return cli_print(cli, buf_str(&out));
}

int
show_document(const struct cli *cli, struct str text)
{
    json_t *json = json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
    if (json == NULL)
        return cli_fail(cli, "the answer is not JSON");
    int status = show_answer(cli, json);
    json_decref(json);
    return status;
}
