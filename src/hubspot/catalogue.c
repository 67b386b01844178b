#include "hubspot/catalogue_int.h"

/* What lists of endpoints and 403 answers call it, and its published name. */
static const struct spelling {
    struct str listed, published;
} spellings[] = {
    {STR("business_units_view.read"), STR("business_units.view.read")},
    {STR("crm.objects.feedback_submissions.read"),
     STR("crm.objects.feedback_submission.read")},
    {STR("crm.schema.invoices.read"), STR("crm.schemas.invoices.read")},
    {STR("settings.users.teams.write"), STR("settings.users.team.write")},
    {STR("webhooks-journal-data-access"),
     STR("developer.webhooks_journal.read")},
    {STR("webhooks-journal-subscription-read"),
     STR("developer.webhooks_journal.subscriptions.read")},
    {STR("webhooks-journal-subscription-management"),
     STR("developer.webhooks_journal.subscriptions.write")},
    {STR("webhooks-journal-snapshot-management"),
     STR("developer.webhooks_journal.snapshots.write")},
    {STR("webhooks-journal-snapshot-management"),
     STR("developer.webhooks_journal.snapshots.read")},
};

#define N_SPELLINGS (sizeof(spellings) / sizeof(spellings[0]))

static const struct catalogue_scope *
find(struct str name)
{
    size_t low = 0, high = n_catalogue_rows;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_compare(catalogue_rows[middle].name, name);
        if (order == 0)
            return &catalogue_rows[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct catalogue_scope *
catalogue_find(struct str name)
{
    if (str_ends(name, STR(".v2")))
        name.n -= STR(".v2").n;
    for (size_t i = 0; i < N_SPELLINGS; i++)
        if (str_equal(spellings[i].listed, name))
            return find(spellings[i].published);
    return find(name);
}

size_t
catalogue_count(void)
{
    return n_catalogue_rows;
}

const struct catalogue_scope *
catalogue_at(size_t i)
{
    return &catalogue_rows[i];
}

static bool
has_word(struct str name, struct str word)
{
    struct str one;
    while (str_cut(&name, '.', &one))
        if (str_equal(one, word))
            return true;
    return false;
}

enum scope_level
catalogue_level(const struct catalogue_scope *scope)
{
    if (has_word(scope->name, STR("highly_sensitive")))
        return SCOPE_HIGHLY_SENSITIVE;
    if (has_word(scope->name, STR("sensitive")))
        return SCOPE_SENSITIVE;
    return SCOPE_PLAIN;
}

void
catalogue_add_words(const struct catalogue_scope *scope, struct buf *out)
{
    struct hubspot_scope words;
    if (scope->words != NULL)
        buf_add_text(out, scope->words);
    else if (hubspot_scope_find(scope->name, &words))
        hubspot_scope_add_words(&words, out);
}

const char *
catalogue_listed_as(const struct catalogue_scope *scope)
{
    for (size_t i = 0; i < N_SPELLINGS; i++)
        if (str_equal(spellings[i].published, scope->name))
            return spellings[i].listed.p;
    return NULL;
}

const char *scope_class_name(enum scope_class class)
{
    static const char *const names[] = {"published", "of the app itself",
                                        "not published"};
    return names[class];
}

const char *
scope_access_name(enum scope_access access)
{
    static const char *const names[] = {"read", "write", "read and write",
                                        "action", "basic"};
    return names[access];
}

const char *
scope_level_name(enum scope_level level)
{
    static const char *const names[] = {"no", "sensitive", "highly sensitive"};
    return names[level];
}
