#include "hubspot/scopes.h"

/*
 * Two tables.  The scopes of CRM objects follow a grammar,
 * crm.{objects|schemas}.OBJECT[.sensitive|.highly_sensitive].{read|write},
 * so only their objects are listed; all others stand one by one.
 */
struct object_words {
    const char *name;
    const char *words;
    enum hubspot_edition edition;
};

static const struct object_words objects[] = {
    {"appointments", "appointments", EDITION_FREE},
    {"calls", "calls", EDITION_FREE},
    {"carts", "carts", EDITION_FREE},
    {"commercepayments", "commerce payments", EDITION_STARTER},
    {"companies", "companies", EDITION_FREE},
    {"contacts", "contacts", EDITION_FREE},
    {"contracts", "contracts", EDITION_FREE},
    {"courses", "courses", EDITION_FREE},
    {"custom", "custom objects", EDITION_ENTERPRISE},
    {"deals", "deals", EDITION_FREE},
    {"emails", "e-mails", EDITION_FREE},
    {"feedback_submission", "survey answers", EDITION_PROFESSIONAL},
    {"feedback_submissions", "survey answers", EDITION_PROFESSIONAL},
    {"goals", "goals", EDITION_STARTER},
    {"invoices", "invoices", EDITION_FREE},
    {"leads", "leads", EDITION_PROFESSIONAL},
    {"line_items", "line items", EDITION_FREE},
    {"listings", "listings", EDITION_FREE},
    {"marketing_events", "marketing events", EDITION_FREE},
    {"meetings", "meetings", EDITION_FREE},
    {"notes", "notes", EDITION_FREE},
    {"orders", "orders", EDITION_FREE},
    {"owners", "record owners", EDITION_FREE},
    {"partner-clients", "partner clients", EDITION_FREE},
    {"partner-services", "partner services", EDITION_FREE},
    {"products", "products", EDITION_FREE},
    {"projects", "projects", EDITION_PROFESSIONAL},
    {"quotes", "quotes", EDITION_FREE},
    {"services", "services", EDITION_FREE},
    {"subscriptions", "subscriptions", EDITION_FREE},
    {"tasks", "tasks", EDITION_FREE},
    {"tickets", "tickets", EDITION_FREE},
    {"users", "users", EDITION_FREE},
};

struct named_scope {
    const char *name;
    const char *verb;
    const char *subject;
    enum hubspot_edition edition;
};

#define ANY EDITION_FREE
#define STARTER EDITION_STARTER
#define PRO EDITION_PROFESSIONAL
#define ENT EDITION_ENTERPRISE

static const struct named_scope named[] = {
    {"account-info.security.read", "Read", "security and sign-in history", ANY},
    {"accounting", "Share", "accounting records", ANY},
    {"actions", "Add", "action forms to record pages", ANY},
    {"analytics.behavioral_events.send", "Send", "custom events", ENT},
    {"automation", "Read and change", "workflows", PRO},
    {"automation.sequences.enrollments.write", "Enrol",
     "contacts into sequences", PRO},
    {"automation.sequences.read", "Read", "sequences", PRO},
    {"behavioral_events.event_definitions.read_write", "Manage",
     "custom event definitions", ENT},
    {"business-intelligence", "Read", "analytics", ANY},
    {"business_units.view.read", "Read", "brands", PRO},
    {"cms.domains.read", "List", "connected domains", ANY},
    {"cms.domains.write", "Manage", "connected domains", ANY},
    {"cms.functions.read", "Read", "serverless functions and their secrets",
     ENT},
    {"cms.functions.write", "Change", "serverless functions and their secrets",
     ENT},
    {"cms.knowledge_base.articles.publish", "Publish", "knowledge articles",
     PRO},
    {"cms.knowledge_base.articles.read", "Read", "knowledge articles", PRO},
    {"cms.knowledge_base.articles.write", "Change", "knowledge articles", PRO},
    {"cms.knowledge_base.settings.read", "Read", "knowledge base settings",
     PRO},
    {"cms.knowledge_base.settings.write", "Change", "knowledge base settings",
     PRO},
    {"cms.membership.access_groups.read", "Read", "membership groups", PRO},
    {"cms.membership.access_groups.write", "Manage", "membership groups", PRO},
    {"collector.graphql_query.execute", "Run", "GraphQL queries", PRO},
    {"collector.graphql_schema.read", "Read", "the GraphQL schema", PRO},
    {"communication_preferences.read", "Read", "a contact's subscriptions",
     ANY},
    {"communication_preferences.read_write", "Read and change",
     "a contact's subscriptions", ANY},
    {"communication_preferences.statuses.batch.read", "Read",
     "subscriptions in bulk", ENT},
    {"communication_preferences.statuses.batch.write", "Change",
     "subscriptions in bulk", ENT},
    {"communication_preferences.write", "Change", "a contact's subscriptions",
     ANY},
    {"contacts", "Read and change", "contacts, companies and deals", ANY},
    {"content", "Read and change", "pages, blog posts and e-mails", PRO},
    {"conversations.custom_channels.read", "Read", "custom channels", ENT},
    {"conversations.custom_channels.write", "Manage", "custom channels", ENT},
    {"conversations.read", "Read", "inbox conversations", ANY},
    {"conversations.visitor_identification.tokens.create", "Identify",
     "visitors in chats", PRO},
    {"conversations.write", "Send", "messages in inbox conversations", ANY},
    {"crm.dealsplits.read_write", "Read and change", "deal splits", ENT},
    {"crm.export", "Export", "CRM records of every kind", ANY},
    {"crm.import", "Import", "CRM records of every kind", ANY},
    {"crm.lists.read", "Read", "lists", ANY},
    {"crm.lists.write", "Change", "lists", ANY},
    {"crm.pipelines.orders.read", "Read", "order pipelines", ANY},
    {"crm.pipelines.orders.write", "Change", "order pipelines", ANY},
    {"ctas.read", "Read", "calls to action", STARTER},
    {"e-commerce", "Read and change", "products and line items", ANY},
    {"external_integrations.forms.access", "Change", "existing forms", ANY},
    {"files", "Read and change", "files", ANY},
    {"files.ui_hidden.read", "Read", "hidden files", ANY},
    {"forms", "Read and change", "forms", ANY},
    {"forms-uploaded-files", "Download", "files sent through forms", ANY},
    {"hubdb", "Read and change", "HubDB tables", PRO},
    {"integration-sync", "Sync", "records of an e-commerce shop", ANY},
    {"marketing-email", "Send", "marketing e-mails", ENT},
    {"marketing.campaigns.read", "Read", "campaigns", PRO},
    {"marketing.campaigns.revenue.read", "Read", "revenue of campaigns", PRO},
    {"marketing.campaigns.write", "Change", "campaigns", PRO},
    {"media_bridge.read", "Read", "media and media events", ANY},
    {"media_bridge.write", "Change", "media and media events", ANY},
    {"oauth", "Read", "basic facts about this account", ANY},
    {"sales-email-read", "Read", "the text of one-to-one e-mails", ANY},
    {"scheduler.meetings.meeting-link.read", "Read", "meeting links", PRO},
    {"settings.billing.write", "Change", "billing and paid seats", ANY},
    {"settings.currencies.read", "Read", "currencies and exchange rates", ANY},
    {"settings.currencies.write", "Change", "currencies and exchange rates",
     ANY},
    {"settings.users.read", "Read", "users and their permissions", ANY},
    {"settings.users.team.write", "Put", "users into teams", ANY},
    {"settings.users.teams.read", "Read", "teams", ANY},
    {"settings.users.write", "Add and remove", "users and their permissions",
     ANY},
    {"social", "Read and write", "social media posts", PRO},
    {"tax_rates.read", "Read", "tax rates", ANY},
    {"tickets", "Read and change", "tickets", ANY},
    {"tickets.highly_sensitive", "Read and change",
     "highly sensitive data of tickets", ENT},
    {"tickets.sensitive", "Read and change", "sensitive data of tickets", ENT},
    {"timeline", "Show", "events on the timelines of records", ANY},
    {"transactional-email", "Send", "transactional e-mails", PRO},
};

/* hubspot.md 1.10: asked for in a client credentials call, in no app. */
static const struct named_scope app_level[] = {
    {"developer.webhooks_journal.read", "Read", "the webhooks journal", ANY},
    {"developer.webhooks_journal.snapshots.read", "Read",
     "the state of journal snapshots", ANY},
    {"developer.webhooks_journal.snapshots.write", "Order", "journal snapshots",
     ANY},
    {"developer.webhooks_journal.subscriptions.read", "Read",
     "journal subscriptions", ANY},
    {"developer.webhooks_journal.subscriptions.write", "Change",
     "journal subscriptions", ANY},
};

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static bool
find_named(const struct named_scope *table, size_t n, struct str name,
           struct hubspot_scope *out)
{
    for (size_t i = 0; i < n; i++) {
        if (!str_equal(name, str_from(table[i].name)))
            continue;
        *out = (struct hubspot_scope){
            .verb = str_from(table[i].verb),
            .subject = str_from(table[i].subject),
            .edition = table[i].edition,
            .is_app_level = table == app_level,
        };
        return true;
    }
    return false;
}

static bool
take_prefix(struct str *rest, struct str prefix)
{
    if (!str_starts(*rest, prefix))
        return false;
    *rest = str_of(rest->p + prefix.n, rest->n - prefix.n);
    return true;
}

static bool
take_suffix(struct str *rest, struct str suffix)
{
    if (!str_ends(*rest, suffix))
        return false;
    rest->n -= suffix.n;
    return true;
}

/* One row for each form of the grammar; the first that fits is taken. */
static const struct object_form {
    const char *prefix, *suffix, *verb;
    bool is_sensitive;
} forms[] = {
    {"crm.schemas.", ".read", "Read the properties of", false},
    {"crm.schemas.", ".write", "Change the properties of", false},
    {"crm.objects.", ".highly_sensitive.read", "Read highly sensitive data of",
     true},
    {"crm.objects.", ".highly_sensitive.write",
     "Change highly sensitive data of", true},
    {"crm.objects.", ".sensitive.read", "Read sensitive data of", true},
    {"crm.objects.", ".sensitive.write", "Change sensitive data of", true},
    {"crm.objects.", ".read", "Read", false},
    {"crm.objects.", ".write", "Create, change and archive", false},
};

static const struct object_form *
take_form(struct str *rest)
{
    for (size_t i = 0; i < COUNT(forms); i++) {
        struct str name = *rest;
        if (take_prefix(&name, str_from(forms[i].prefix)) &&
            take_suffix(&name, str_from(forms[i].suffix))) {
            *rest = name;
            return &forms[i];
        }
    }
    return NULL;
}

static bool
find_of_object(struct str name, struct hubspot_scope *out)
{
    const struct object_form *form = take_form(&name);
    for (size_t i = 0; form != NULL && i < COUNT(objects); i++) {
        if (!str_equal(name, str_from(objects[i].name)))
            continue;
        *out = (struct hubspot_scope){
            .verb = str_from(form->verb),
            .subject = str_from(objects[i].words),
            .edition =
                form->is_sensitive ? EDITION_ENTERPRISE : objects[i].edition,
        };
        return true;
    }
    return false;
}

bool
hubspot_scope_find(struct str name, struct hubspot_scope *out)
{
    /* Specifications and 403 bodies name internal twins (hubspot.md 6). */
    (void)take_suffix(&name, STR(".v2")); /* most names have no such end */
    return find_of_object(name, out) ||
           find_named(named, COUNT(named), name, out) ||
           find_named(app_level, COUNT(app_level), name, out);
}

void
hubspot_scope_add_words(const struct hubspot_scope *scope, struct buf *out)
{
    buf_add(out, scope->verb);
    buf_add_char(out, ' ');
    buf_add(out, scope->subject);
}

const char *
hubspot_edition_name(enum hubspot_edition edition)
{
    static const char *const names[] = {"Free", "Starter", "Professional",
                                        "Enterprise"};
    return names[edition];
}
