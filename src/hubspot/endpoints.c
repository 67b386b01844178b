#include "hubspot/endpoints_int.h"

/*
 * A path is cut once, at the version in it; what stands before, and up to
 * two words behind, finds its area by binary search, the longest first.
 */
#define PATH_MAX_SEGMENTS 16
#define KEY_MAX 80 /* the longest area is half of it */

struct path {
    struct str v[PATH_MAX_SEGMENTS];
    size_t n;
    size_t version; /* its index */
};

static const struct {
    const struct endpoint_area *v;
    const size_t *n;
} tables[] = {
    {endpoints_crm, &n_endpoints_crm},
    {endpoints_content, &n_endpoints_content},
    {endpoints_hubs, &n_endpoints_hubs},
};

#define N_TABLES (sizeof(tables) / sizeof(tables[0]))

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* As in -beta. */
static bool
is_suffix(struct str s)
{
    for (size_t i = 1; i < s.n; i++)
        if (!is_digit(s.p[i]) && (s.p[i] < 'a' || s.p[i] > 'z'))
            return false;
    return s.n > 1 && s.p[0] == '-';
}

/* v1 to v4, 2026-03, 2026-09-beta */
static bool
is_version(struct str s)
{
    static const struct str date = STR("0000-00");
    if (s.n == 2)
        return s.p[0] == 'v' && s.p[1] >= '1' && s.p[1] <= '4';
    if (s.n < date.n)
        return false;
    for (size_t i = 0; i < date.n; i++)
        if (date.p[i] == '-' ? s.p[i] != '-' : !is_digit(s.p[i]))
            return false;
    return s.n == date.n || is_suffix(str_of(s.p + date.n, s.n - date.n));
}

static struct str
without_query(struct str path)
{
    for (size_t i = 0; i < path.n; i++)
        if (path.p[i] == '?' || path.p[i] == '#')
            return str_of(path.p, i);
    return path;
}

static bool
cut_path(struct str text, struct path *out)
{
    struct str segment, rest = without_query(text);
    out->n = 0;
    out->version = PATH_MAX_SEGMENTS;
    if (rest.n > 1 && rest.p[rest.n - 1] == '/')
        rest.n--;
    if (rest.n < 2 || rest.p[0] != '/')
        return false;
    rest = str_of(rest.p + 1, rest.n - 1);
    while (str_cut(&rest, '/', &segment)) {
        if (segment.n == 0 || out->n == PATH_MAX_SEGMENTS)
            return false;
        if (out->version == PATH_MAX_SEGMENTS && out->n > 0 &&
            is_version(segment))
            out->version = out->n;
        out->v[out->n++] = segment;
    }
    return out->version < out->n;
}

static unsigned
method_bit(struct str method)
{
    static const struct {
        struct str name;
        unsigned bit;
    } methods[] = {{STR("GET"), GET},  {STR("POST"), POST},
                   {STR("PUT"), PUT},  {STR("PATCH"), PATCH},
                   {STR("HEAD"), GET}, {STR("DELETE"), DELETE}};
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (str_equal(methods[i].name, method))
            return methods[i].bit;
    return 0;
}

static const struct endpoint_area *
find_in(const struct endpoint_area *v, size_t n, struct str key)
{
    size_t low = 0;
    while (low < n) {
        size_t middle = low + (n - low) / 2;
        int order = str_compare(v[middle].path, key);
        if (order == 0)
            return &v[middle];
        if (order < 0)
            low = middle + 1;
        else
            n = middle;
    }
    return NULL;
}

static const struct endpoint_area *
find_area(struct str key)
{
    const struct endpoint_area *found = NULL;
    for (size_t i = 0; i < N_TABLES && found == NULL; i++)
        found = find_in(tables[i].v, *tables[i].n, key);
    return found;
}

/* The first n_words of the path, its version as @.  False: too long. */
static bool
make_key(const struct path *p, size_t n_words, char *key, size_t *out_n)
{
    size_t n = 0;
    for (size_t i = 0; i < n_words; i++) {
        struct str word = i == p->version ? STR("@") : p->v[i];
        if (n + word.n + 1 > KEY_MAX)
            return false;
        if (i > 0)
            key[n++] = '/';
        memcpy(key + n, word.p, word.n);
        n += word.n;
    }
    *out_n = n;
    return true;
}

/* "search" against "search|all|idmapping" */
static bool
is_one_of(struct str word, struct str words)
{
    struct str one;
    while (str_cut(&words, '|', &one))
        if (str_equal(one, word))
            return true;
    return false;
}

static void
take_type(struct endpoint *e, struct str segment, bool is_other)
{
    const struct object_type *type = object_type_find(segment);
    if (is_other)
        e->other = type;
    else
        e->type = type;
    if (type == NULL)
        e->unknown_type = segment;
}

/* What follows the area; takes the object types along. */
static bool
fits(const struct endpoint_rule *rule, const struct path *p, size_t at,
     struct endpoint *e)
{
    struct str rest = str_from(rule->path), part;
    struct str type = STR_NONE, other = STR_NONE;
    while (rest.n > 0 && str_cut(&rest, '/', &part)) {
        if (str_equal(part, STR("**"))) {
            at = p->n;
            break;
        }
        if (at >= p->n)
            return false;
        struct str segment = p->v[at++];
        if (str_equal(part, STR("{type}")))
            type = segment;
        else if (str_equal(part, STR("{other}")))
            other = segment;
        else if (!str_equal(part, STR("*")) && !is_one_of(segment, part))
            return false;
    }
    if (at < p->n)
        return false;
    if (type.n > 0)
        take_type(e, type, false);
    if (other.n > 0)
        take_type(e, other, true);
    return true;
}

static unsigned
place_of(const struct endpoint_area *area)
{
    return str_ends(area->path, STR("/@")) ? VERSION_LAST : VERSION_SECOND;
}

/* A type whose column is empty: no list names its scopes. */
static bool
is_specified(const struct endpoint *e)
{
    static const struct {
        const char *word;
        bool is_other;
        enum object_access access;
    } words[] = {{"{read}", false, OBJECT_READ},
                 {"{write}", false, OBJECT_WRITE},
                 {"{schema_read}", false, OBJECT_SCHEMA_READ},
                 {"{schema_write}", false, OBJECT_SCHEMA_WRITE},
                 {"{other_read}", true, OBJECT_READ},
                 {"{other_write}", true, OBJECT_WRITE}};
    if (e->rule->needs == NULL || e->unknown_type.n > 0)
        return false;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        const struct object_type *type = words[i].is_other ? e->other : e->type;
        if (type != NULL && type->needs[words[i].access] == NULL &&
            strstr(e->rule->needs, words[i].word) != NULL)
            return false;
    }
    return true;
}

static bool
find_rule(const struct endpoint_area *area, const struct path *p, size_t at,
          unsigned method, struct endpoint *out)
{
    for (size_t i = 0; i < area->n_rules; i++) {
        const struct endpoint_rule *rule = &area->rules[i];
        if ((rule->methods & method) == 0 ||
            (rule->place != 0 && rule->place != place_of(area)) ||
            !fits(rule, p, at, out))
            continue;
        out->area = area;
        out->rule = rule;
        if (!is_specified(out))
            out->kind = ENDPOINT_UNSPECIFIED;
        else
            out->kind =
                rule->needs[0] == '\0' ? ENDPOINT_OPEN : ENDPOINT_NEEDS_SCOPES;
        return true;
    }
    return false;
}

void
endpoint_find(struct str method, struct str path, struct endpoint *out)
{
    struct path p;
    char key[KEY_MAX];
    size_t n;
    unsigned bit = method_bit(method);
    *out = (struct endpoint){.kind = ENDPOINT_UNKNOWN};
    if (bit == 0 || !cut_path(path, &p))
        return;
    for (size_t words = p.version + 4; --words > p.version;) {
        if (words > p.n || !make_key(&p, words, key, &n))
            continue;
        const struct endpoint_area *area = find_area(str_of(key, n));
        if (area != NULL && find_rule(area, &p, words, bit, out))
            return;
    }
}

const char *
endpoint_note(const struct endpoint *e)
{
    return e->rule != NULL ? e->rule->note : NULL;
}

void
endpoint_add_family(const struct endpoint *e, struct buf *out)
{
    struct str rest = e->area != NULL ? e->area->path : STR_NONE, word;
    while (rest.n > 0 && str_cut(&rest, '/', &word)) {
        buf_add_char(out, '/');
        buf_add(out, str_equal(word, STR("@")) ? STR("{version}") : word);
    }
    if (e->rule != NULL && e->rule->path[0] != '\0')
        buf_addf(out, "/%s", e->rule->path);
}

size_t
endpoint_n_areas(void)
{
    size_t n = 0;
    for (size_t i = 0; i < N_TABLES; i++)
        n += *tables[i].n;
    return n;
}

const struct endpoint_area *
endpoint_area_at(size_t i)
{
    size_t table = 0;
    while (table < N_TABLES && i >= *tables[table].n)
        i -= *tables[table++].n;
    return table < N_TABLES ? &tables[table].v[i] : NULL;
}
