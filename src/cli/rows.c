#include "cli/rows.h"

#include "base/limits.h"

#include <jansson.h>

#define ROW_MAX 65536

static const struct {
    const char *name;
    int column;
} names[] = {{"app", 0},
             {"portal", 1},
             {"ref", 2},
             {"refresh_token", 3},
             {"static_token", 3}};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

void
rows_open(struct rows *r, FILE *file)
{
    *r = (struct rows){.file = file, .next_line = 1};
    r->arena = arena_new_secret();
    buf_init_secret(&r->text, ROW_MAX);
}

void
rows_close(struct rows *r)
{
    arena_free(r->arena);
    buf_done(&r->text);
}

/*
 * A line of the file, or for CSV as many as the quotes hold together.
 * ERR_CLOSED at the end, ERR_LIMIT for a row that is too long.
 */
static enum err
read_row(struct rows *r)
{
    bool is_quoted = false;
    int c;
    buf_clear(&r->text);
    r->line = r->next_line;
    while ((c = getc(r->file)) != EOF) {
        if (c == '\n')
            r->next_line++;
        if (c == '"' && r->is_csv)
            is_quoted = !is_quoted;
        if (c == '\n' && !is_quoted)
            return buf_err(&r->text);
        buf_add_char(&r->text, (char)c);
    }
    if (r->text.n == 0)
        return ERR_CLOSED;
    return buf_err(&r->text);
}

/* Takes one field off *rest; false after the last. */
static bool
take_field(struct rows *r, struct str *rest, struct str *out)
{
    if (rest->p == NULL)
        return false;
    if (rest->n == 0 || rest->p[0] != '"')
        return str_cut(rest, ',', out);
    char *text = arena_alloc(r->arena, rest->n + 1);
    size_t n = 0, i = 1;
    for (; i < rest->n; i++) {
        bool is_quote = rest->p[i] == '"';
        if (is_quote && (i + 1 == rest->n || rest->p[i + 1] != '"'))
            break;
        i += is_quote;
        text[n++] = rest->p[i];
    }
    struct str after = str_of(rest->p + i, rest->n - i), none;
    *out = str_of(text, n);
    (void)str_cut(&after, ',', &none); /* the closing quote */
    *rest = after;
    return true;
}

static struct str
row_text(const struct rows *r)
{
    struct str text = buf_str(&r->text);
    if (text.n > 0 && text.p[text.n - 1] == '\r')
        text.n--;
    return text;
}

static enum err
take_heading(struct rows *r, struct buf *problem)
{
    struct str rest = row_text(r), name;
    bool has_token = false;
    while (r->n_columns < 64 && take_field(r, &rest, &name)) {
        int which = -1;
        for (size_t k = 0; k < N_NAMES; k++)
            if (str_equal_nocase(str_trim(name), str_from(names[k].name)))
                which = names[k].column;
        r->columns[r->n_columns++] = which;
        has_token = has_token || which == 3;
    }
    if (has_token)
        return ERR_OK;
    buf_add_text(problem, "the first line must name the columns: "
                          "refresh_token, and app, portal, ref where there "
                          "are such");
    return ERR_SYNTAX;
}

static enum err
fill(struct row *out, struct str fields[static ROWS_COLUMNS],
     struct buf *problem)
{
    struct str portal = str_trim(fields[1]);
    *out = (struct row){.app = str_trim(fields[0]),
                        .ref = str_trim(fields[2]),
                        .refresh_token = HIDDEN(str_trim(fields[3]))};
    if (portal.n > 0 && !str_to_u64(portal, &out->portal)) {
        buf_add_text(problem, "portal is not a number");
        return ERR_INVALID;
    }
    if (out->refresh_token.s.n == 0) {
        buf_add_text(problem, "refresh_token is missing");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static enum err
parse_csv(struct rows *r, struct row *out, struct buf *problem)
{
    struct str rest = row_text(r), field;
    struct str fields[ROWS_COLUMNS] = {{0}};
    for (size_t i = 0; i < r->n_columns && take_field(r, &rest, &field); i++)
        if (r->columns[i] >= 0)
            fields[r->columns[i]] = field;
    return fill(out, fields, problem);
}

static enum err
parse_json(struct rows *r, struct row *out, struct buf *problem)
{
    struct str fields[ROWS_COLUMNS] = {{0}};
    json_t *json = json_loadb(r->text.p, r->text.n, 0, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        buf_add_text(problem, "this line is not a JSON object");
        return ERR_INVALID;
    }
    for (size_t k = 0; k < N_NAMES; k++) {
        const json_t *value = json_object_get(json, names[k].name);
        struct str *field = &fields[names[k].column];
        if (json_is_string(value))
            *field = arena_copy(r->arena, str_of(json_string_value(value),
                                                 json_string_length(value)));
        else if (json_is_integer(value))
            *field = arena_printf(r->arena, "%" JSON_INTEGER_FORMAT,
                                  json_integer_value(value));
    }
    json_decref(json);
    return fill(out, fields, problem);
}

/* Spreadsheets begin UTF-8 with a byte order mark. */
static int
first_byte(struct rows *r)
{
    int c = getc(r->file);
    if (c != 0xef)
        return c;
    (void)getc(r->file); /* 0xbb 0xbf */
    (void)getc(r->file);
    return getc(r->file);
}

static enum err
look_at_start(struct rows *r, struct buf *problem)
{
    int c = first_byte(r);
    if (c == EOF)
        return ERR_CLOSED;
    (void)ungetc(c, r->file); /* one character always goes back */
    if (c == '{')
        return ERR_OK;
    r->is_csv = true;
    enum err e = read_row(r);
    return e == ERR_OK ? take_heading(r, problem) : e;
}

enum err
rows_next(struct rows *r, struct row *out, struct buf *problem)
{
    enum err e = r->next_line == 1 ? look_at_start(r, problem) : ERR_OK;
    if (e != ERR_OK)
        return e;
    do {
        arena_clear(r->arena);
        e = read_row(r);
    } while (e == ERR_OK && str_trim(row_text(r)).n == 0);
    if (e == ERR_LIMIT) {
        buf_addf(problem, "a row is longer than %d bytes", ROW_MAX);
        return ERR_INVALID;
    }
    if (e != ERR_OK)
        return e;
    return r->is_csv ? parse_csv(r, out, problem) : parse_json(r, out, problem);
}
