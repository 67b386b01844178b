#include "emulator/crm_filter.h"

#include "emulator/call.h"
#include "emulator/crm_format.h"

#include <ctype.h>

static int
order(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++) {
        int x = tolower((unsigned char)a.p[i]);
        int y = tolower((unsigned char)b.p[i]);
        if (x != y)
            return x - y;
    }
    return (a.n > b.n) - (a.n < b.n);
}

/* As numbers where the property holds numbers and both texts are some. */
static int
compare(enum crm_format format, struct str a, struct str b)
{
    double x, y;
    if (crm_format_number(format, a, &x) && crm_format_number(format, b, &y))
        return (x > y) - (x < y);
    return order(a, b);
}

static bool
is_word_char(char c)
{
    return isalnum((unsigned char)c) || (unsigned char)c >= 0x80;
}

/* text against a pattern with * for any run, case set aside. */
static bool
matches(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;
    while (t < text.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.n && tolower((unsigned char)pattern.p[p]) ==
                                        tolower((unsigned char)text.p[t])) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}

/* The pattern is a run of whole words of the text, or all of it. */
static bool
contains_token(struct str text, struct str pattern)
{
    if (pattern.n == 0)
        return false;
    if (matches(pattern, text))
        return true;
    for (size_t i = 0; i < text.n; i++) {
        bool starts = i == 0 || !is_word_char(text.p[i - 1]);
        for (size_t j = i + 1; starts && j <= text.n; j++) {
            bool ends = j == text.n || !is_word_char(text.p[j]);
            if (ends && matches(pattern, str_of(text.p + i, j - i)))
                return true;
        }
    }
    return false;
}

static bool
is_among(enum crm_format format, struct str value, struct strs all)
{
    for (size_t i = 0; i < all.n; i++) {
        if (compare(format, value, all.v[i]) == 0)
            return true;
    }
    return false;
}

static bool
value_holds(const struct crm_condition *k, enum crm_format format,
            struct str value)
{
    int by = compare(format, value, k->value);
    switch (k->operator) {
    case CRM_EQ:
        return by == 0;
    case CRM_NEQ:
        return by != 0;
    case CRM_LT:
        return by < 0;
    case CRM_LTE:
        return by <= 0;
    case CRM_GT:
        return by > 0;
    case CRM_GTE:
        return by >= 0;
    case CRM_BETWEEN:
        return by >= 0 && compare(format, value, k->high) <= 0;
    case CRM_IN:
        return is_among(format, value, k->values);
    case CRM_NOT_IN:
        return !is_among(format, value, k->values);
    case CRM_CONTAINS_TOKEN:
        return contains_token(value, k->value);
    case CRM_NOT_CONTAINS_TOKEN:
        return !contains_token(value, k->value);
    default:
        return true;
    }
}

static bool
condition_holds(const struct crm_type *type, const struct crm_condition *k,
                const struct record *r, struct arena *arena)
{
    struct str value = crm_value(r, k->property, arena);
    if (k->operator== CRM_NOT_HAS_PROPERTY)
        return value.p == NULL;
    /* Where there is no value, nothing is said about it either. */
    return value.p != NULL &&
           value_holds(k, type->properties[k->property].format, value);
}

static bool
group_holds(const struct crm_filter *f, const struct crm_group *g,
            const struct record *r, struct arena *arena)
{
    for (size_t i = 0; i < g->n; i++) {
        if (!condition_holds(f->type, &g->v[i], r, arena))
            return false;
    }
    return true;
}

/* The properties that a free text query looks at. */
static const char *const searched[] = {
    "firstname", "lastname", "email",    "phone",   "company",
    "name",      "domain",   "dealname", "website",
};

static bool
word_is_found(const struct crm_type *type, struct str word,
              const struct record *r, struct arena *arena)
{
    struct str pattern = arena_printf(arena, "*%.*s*", STR_ARG(word));
    for (size_t i = 0; i < sizeof(searched) / sizeof(searched[0]); i++) {
        const struct crm_property *p =
            crm_property_find(type, str_from(searched[i]));
        if (p != NULL &&
            matches(pattern, r->values[crm_property_index(type, p)]))
            return true;
    }
    return false;
}

bool
crm_filter_holds(const struct crm_filter *f, const struct record *r,
                 struct arena *arena)
{
    if (r->archived_at_ms != 0)
        return false;
    for (size_t i = 0; i < f->words.n; i++) {
        if (!word_is_found(f->type, f->words.v[i], r, arena))
            return false;
    }
    for (size_t i = 0; i < f->n; i++) {
        if (group_holds(f, &f->groups[i], r, arena))
            return true;
    }
    return f->n == 0;
}

int
crm_filter_compare(const struct crm_type *type, size_t property,
                   const struct record *a, const struct record *b,
                   struct arena *arena)
{
    struct str x = crm_value(a, property, arena);
    struct str y = crm_value(b, property, arena);
    if (x.p == NULL || y.p == NULL)
        return (x.p == NULL) - (y.p == NULL);
    return compare(type->properties[property].format, x, y);
}
