#include "hubspot/endpoints_int.h"

#include <assert.h>

/*
 * From "{read} + {other_read}" and the types in the path to alternatives of
 * scopes: the product of the alternatives of each.  The texts are those of
 * the tables.
 */
static bool
has(const struct scope_all *all, struct str scope)
{
    for (size_t i = 0; i < all->n; i++)
        if (str_equal(all->v[i], scope))
            return true;
    return false;
}

static bool
is_part_of(const struct scope_all *part, const struct scope_all *whole)
{
    for (size_t i = 0; i < part->n; i++)
        if (!has(whole, part->v[i]))
            return false;
    return true;
}

static void
add_scope(struct scope_all *all, struct str scope)
{
    if (has(all, scope))
        return;
    assert(all->n < NEEDS_ALL_MAX); /* the tables hold no longer one */
    all->v[all->n++] = scope;
}

/* Drops what is no better than another alternative. */
static void
add_alternative(struct scope_needs *out, const struct scope_all *more)
{
    size_t kept = 0;
    for (size_t i = 0; i < out->n; i++)
        if (is_part_of(&out->any_of[i], more))
            return;
    for (size_t i = 0; i < out->n; i++)
        if (!is_part_of(more, &out->any_of[i]))
            out->any_of[kept++] = out->any_of[i];
    assert(kept < NEEDS_MAX);
    out->any_of[kept++] = *more;
    out->n = kept;
}

/* The text that a word in braces stands for; the word itself else. */
static const char *
text_of(const struct endpoint *e, struct str word)
{
    static const struct {
        struct str word;
        bool is_other;
        enum object_access access;
    } words[] = {
        {STR("{read}"), false, OBJECT_READ},
        {STR("{write}"), false, OBJECT_WRITE},
        {STR("{schema_read}"), false, OBJECT_SCHEMA_READ},
        {STR("{schema_write}"), false, OBJECT_SCHEMA_WRITE},
        {STR("{other_read}"), true, OBJECT_READ},
        {STR("{other_write}"), true, OBJECT_WRITE},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_equal(words[i].word, word))
            return (words[i].is_other ? e->other : e->type)
                ->needs[words[i].access];
    return NULL;
}

/* One text of the tables without braces: "a + b | c". */
static void
parse(struct str text, struct scope_needs *out)
{
    struct str one, scope;
    while (text.n > 0 && str_cut(&text, '|', &one)) {
        struct scope_all all = {.n = 0};
        while (str_cut(&one, '+', &scope))
            add_scope(&all, str_trim(scope));
        add_alternative(out, &all);
    }
}

static void
add_any_type(struct scope_needs *out)
{
    for (size_t i = 0; i < object_type_count(); i++)
        parse(str_from(object_type_at(i)->needs[OBJECT_READ]), out);
}

/* Each alternative so far with each of the text's. */
static void
multiply(struct scope_needs *all, struct str text)
{
    struct scope_needs more = {.n = 0}, product = {.n = 0};
    parse(text, &more);
    for (size_t i = 0; i < all->n; i++)
        for (size_t k = 0; k < more.n; k++) {
            struct scope_all both = all->any_of[i];
            for (size_t s = 0; s < more.any_of[k].n; s++)
                add_scope(&both, more.any_of[k].v[s]);
            add_alternative(&product, &both);
        }
    *all = product;
}

static void
add_one(const struct endpoint *e, struct str one, struct scope_needs *out)
{
    struct scope_needs all = {.n = 1};
    struct str word;
    while (str_cut(&one, '+', &word)) {
        word = str_trim(word);
        const char *text = text_of(e, word);
        multiply(&all, text != NULL ? str_from(text) : word);
    }
    for (size_t i = 0; i < all.n; i++)
        add_alternative(out, &all.any_of[i]);
}

void
endpoint_needs(const struct endpoint *e, struct scope_needs *out)
{
    out->n = 0;
    if (e->kind != ENDPOINT_NEEDS_SCOPES)
        return;
    struct str text = str_from(e->rule->needs), one;
    while (text.n > 0 && str_cut(&text, '|', &one)) {
        if (str_equal(str_trim(one), STR("{any}")))
            add_any_type(out);
        else
            add_one(e, one, out);
    }
}
