#include "hubspot/endpoints_int.h"

/*
 * All endpoints outside the CRM, content, marketing and conversations.  The
 * first rule of an area that fits is the answer, so what is special stands
 * before what is general.
 */

static const struct endpoint_rule account_info[] = {
    {GET, 0, "activity/**", "account-info.security.read", NULL},
    {GET, 0, "api-usage/daily", NULL, NULL},
    {GET, 0, "**", "oauth", ANY_TOKEN},
};

static const struct endpoint_rule appinstalls_external_install[] = {
    {DELETE, 0, "", "oauth", NULL},
};

static const struct endpoint_rule oauth[] = {
    {ANY, 0, "**", "", NULL},
};

static const struct endpoint_rule webhooks[] = {
    {GET, 0, "**", "developers-read | private-apps-read", OLD_KEY},
    {POST | PUT | PATCH | DELETE, 0, "**",
     "developers-write | private-apps-write", OLD_KEY},
};

static const struct endpoint_rule webhooks_journal_subscriptions[] = {
    {GET, 0, "**", "developer.webhooks_journal.subscriptions.read", OF_APP},
    {POST | DELETE, 0, "**", "developer.webhooks_journal.subscriptions.write",
     OF_APP},
};

static const struct endpoint_rule webhooks_journal_snapshots[] = {
    {POST, 0, "**", "developer.webhooks_journal.snapshots.write", OF_APP},
};

static const struct endpoint_rule webhooks_journal_journal[] = {
    {GET, 0, "status/*", "developer.webhooks_journal.snapshots.read", OF_APP},
    {POST, 0, "batch/read", "developer.webhooks_journal.read", NULL},
    {GET, 0, "**", "developer.webhooks_journal.read", OF_APP},
};

static const struct endpoint_rule automation_actions_callbacks[] = {
    {POST, 0, "**", "automation", NULL},
};

static const struct endpoint_rule automation_actions[] = {
    {POST, VERSION_SECOND, "callbacks/**", "automation", NULL},
    {GET, 0, "**", "developers-read", OLD_KEY},
    {POST | PUT | PATCH | DELETE, 0, "**", "developers-write", OLD_KEY},
};

static const struct endpoint_rule automation_email_templates[] = {
    {GET, 0, "**", "sales-templates-public-read", NULL},
    {POST | PATCH, 0, "**", "sales-templates-public-write", NULL},
};

static const struct endpoint_rule automation_sequences[] = {
    {POST, 0, "enrollments", "automation.sequences.enrollments.write", NULL},
    {POST, VERSION_LAST, "serviceaccounts/enrollments",
     "automation.sequences.enrollments.write", NULL},
    {POST, VERSION_LAST, "serviceaccounts/sequences",
     "automation.sequences.read", WRITE_AS_READ},
    {GET, 0, "**", "automation.sequences.read", NULL},
    {PUT | DELETE, VERSION_LAST, "**", "automation.sequences.write", NULL},
};

static const struct endpoint_rule automation_flows[] = {
    {POST, 0, "batch/read", "automation", NULL},
    {ANY, 0, "**", "automation", NULL},
};

static const struct endpoint_rule automation_workflow_id_mappings[] = {
    {POST, 0, "batch/read", "automation", NULL},
};

static const struct endpoint_rule automation_action_types[] = {
    {ANY, 0, "**", "automation", NULL},
};

static const struct endpoint_rule business_units_public[] = {
    {GET, 0, "**", "business_units.view.read", NULL},
};

static const struct endpoint_rule commerce_contracts[] = {
    {POST, 0, "changes/preview", "contracts-read", NULL},
    {GET, 0, "**", "contracts-read", NULL},
    {POST | PATCH, 0, "**", "revenue-contracts-public-api-write", NULL},
};

static const struct endpoint_rule commerce_payment_accounts[] = {
    {GET, 0, "status", "cpq.quotes.write", READ_AS_WRITE},
};

static const struct endpoint_rule commerce_payment_links[] = {
    {GET, 0, "**", "payment-links-read", NULL},
    {DELETE, 0, "**", "payment-links-delete", NULL},
    {POST | PATCH, 0, "**", "payment-links-write", NULL},
};

static const struct endpoint_rule commerce_price_books[] = {
    {POST, 0, "price-books/*/validate", "price-book-read", NULL},
    {GET, 0, "**", "price-book-read", NULL},
    {POST, 0, "price-books/*/items",
     "inbounddb-product-library-read + price-book-write", NULL},
    {POST, 0, "price-books/*/items/batch/create",
     "inbounddb-product-library-read + price-book-write", NULL},
    {PATCH, 0, "price-books/*/items/*",
     "inbounddb-product-library-read + price-book-write", NULL},
    {POST | PATCH | DELETE, 0, "**", "price-book-write", NULL},
};

static const struct endpoint_rule tax_rates[] = {
    {GET, 0, "**",
     "tax_rates.read | crm.objects.quotes.read | crm.objects.quotes.write | "
     "cpq.quotes.read | cpq.quotes.write",
     NULL},
};

static const struct endpoint_rule payments_subscriptions[] = {
    {POST, 0, "**",
     "crm.schemas.subscriptions.write | crm.objects.subscriptions.write", NULL},
};

static const struct endpoint_rule data_studio_data_source[] = {
    {GET, VERSION_LAST, "*",
     "data_integration.data_source.file.read | "
     "data-integration-json-datasource-read",
     NULL},
    {GET, VERSION_SECOND, "*", "data_integration.data_source.file.read", NULL},
    {POST, VERSION_LAST, "json", "data-integration-json-datasource-write",
     NULL},
    {PUT, VERSION_LAST, "*/json", "data-integration-json-datasource-write",
     NULL},
    {POST, VERSION_LAST, "*/data-push",
     "data-integration-json-datasource-write", NULL},
    {PATCH | DELETE, VERSION_LAST, "*",
     "data_integration.data_source.file.write | "
     "data-integration-json-datasource-write",
     NULL},
    {POST | PUT, 0, "**", "data_integration.data_source.file.write", NULL},
    {DELETE, VERSION_SECOND, "**", "data_integration.data_source.file.write",
     NULL},
};

static const struct endpoint_rule events_send[] = {
    {POST, 0, "**", "analytics.behavioral_events.send", NULL},
};

static const struct endpoint_rule events_custom[] = {
    {POST, 0, "send/**", "analytics.behavioral_events.send", NULL},
    {ANY, 0, "event-definitions/**",
     "behavioral_events.event_definitions.read_write", NULL},
};

static const struct endpoint_rule events_event_definitions[] = {
    {ANY, 0, "**", "behavioral_events.event_definitions.read_write", NULL},
};

static const struct endpoint_rule events_events[] = {
    {GET, 0, "**", "oauth", ANY_TOKEN},
};

static const struct endpoint_rule feature_flags[] = {
    {GET, 0, "**", "developers-read", OLD_KEY},
    {POST | PUT | DELETE, 0, "**", "developers-write", NULL},
};

static const struct endpoint_rule files[] = {
    {GET, 0, "folders/update/async/tasks/*/status",
     "files | files.write | files.ui_hidden.write", READ_AS_WRITE},
    {GET, 0, "**", "files | files.read | files.ui_hidden.read", NULL},
    {DELETE, 0, "**", "files | files.delete | files.ui_hidden.write", NULL},
    {POST | PUT | PATCH, 0, "**", "files | files.write | files.ui_hidden.write",
     NULL},
};

static const struct endpoint_rule forecast_settings[] = {
    {GET, 0, "**", "forecast-read | forecasting-access", NULL},
};

static const struct endpoint_rule forecast_submissions[] = {
    {GET, 0, "**", "forecast-read", NULL},
};

static const struct endpoint_rule integrators_timeline[] = {
    {POST, 0, "types/projects", "developers-read", NULL},
    {GET, 0, "*/event-templates/**", "developers-read", NULL},
    {POST | PUT | DELETE, 0, "*/event-templates/**", "developers-write", NULL},
    {GET, 0, "events/**",
     "crm.objects.contacts.read | crm.objects.companies.read | "
     "crm.objects.deals.read | crm.schemas.contacts.read | "
     "crm.schemas.companies.read | crm.schemas.deals.read | tickets | timeline",
     NULL},
    {POST, 0, "events/**",
     "crm.objects.contacts.write | crm.objects.companies.write | "
     "crm.objects.deals.write | crm.schemas.contacts.write | "
     "crm.schemas.companies.write | crm.schemas.deals.write | tickets | "
     "timeline",
     OWN_TYPE},
};

static const struct endpoint_rule media_bridge[] = {
    {POST, 0, "events/**", "media_bridge.write", NULL},
    {POST, 0, "objects", "files + media_bridge.write", NULL},
    {GET, 0, "objects/**", "media_bridge.read", NULL},
    {PATCH | DELETE, 0, "objects/**", "media_bridge.write", NULL},
    {POST, 0, "*/properties/*/batch/read", "developers-read", OLD_KEY},
    {PATCH, 0, "*/settings/event-visibility", "developers-read", WRITE_AS_READ},
    {GET, 0, "*/**", "developers-read", OLD_KEY},
    {POST | PUT | PATCH | DELETE, 0, "*/**", "developers-write", OLD_KEY},
};

static const struct endpoint_rule meta_network_origins[] = {
    {GET, 0, "ip-ranges/webhook-subscriptions/**",
     "origins.ip_ranges.webhook.read | origins.ip_ranges.webhook.write",
     OLD_KEY},
    {POST | DELETE, 0, "ip-ranges/webhook-subscriptions/**",
     "origins.ip_ranges.webhook.write", OLD_KEY},
    {GET, 0, "ip-ranges/**", "", NULL},
};

static const struct endpoint_rule notetaker[] = {
    {GET, 0, "**", "crm.objects.contacts.read | crm.schemas.contacts.read",
     NULL},
};

static const struct endpoint_rule scheduler_meetings[] = {
    {GET, 0, "meeting-links/**", "scheduler.meetings.meeting-link.read", NULL},
    {POST | PATCH, 0, "**",
     "crm.objects.contacts.write | crm.objects.companies.write | "
     "crm.objects.deals.write | crm.objects.appointments.write | "
     "crm.objects.courses.write | crm.objects.listings.write | "
     "crm.objects.services.write | crm.objects.line_items.write | "
     "crm.objects.products.write | crm.objects.projects.write | "
     "crm.objects.goals.write | crm.objects.commercepayments.write | tickets | "
     "meetings-write",
     NULL},
};

static const struct endpoint_rule settings_currencies[] = {
    {POST, 0, "exchange-rates/batch/read",
     "settings.currencies.read | crm.objects.quotes.read | "
     "crm.objects.quotes.write | cpq.quotes.read | cpq.quotes.write",
     NULL},
    {GET, 0, "**",
     "settings.currencies.read | crm.objects.quotes.read | "
     "crm.objects.quotes.write | cpq.quotes.read | cpq.quotes.write",
     NULL},
    {POST | PUT | PATCH, 0, "**", "settings.currencies.write", NULL},
};

static const struct endpoint_rule settings_teams[] = {
    {GET, 0, "**", "settings.users.teams.read", NULL},
    {POST | PATCH | DELETE, 0, "**", "settings.users.team.write", NULL},
};

static const struct endpoint_rule settings_users[] = {
    {GET, 0, "teams", "settings.users.teams.read", NULL},
    {GET, VERSION_LAST, "seats", "settings.billing.write", READ_AS_WRITE},
    {GET, 0, "**", "settings.users.read | crm.objects.users.read", NULL},
    {POST, VERSION_LAST, "**", "settings.users.write | crm.objects.users.write",
     NULL},
    {PUT | DELETE, 0, "**", "settings.users.write | crm.objects.users.write",
     NULL},
};

static const struct endpoint_rule crm_object_schemas_schemas[] = {
    {POST, 0, "batch/read",
     "oauth | crm.schemas.custom.read | crm.objects.custom.read", ANY_TOKEN},
    {GET, 0, "", "crm.schemas.custom.read | crm.objects.custom.read", NULL},
    {GET, 0, "*", "oauth | crm.schemas.custom.read | crm.objects.custom.read",
     ANY_TOKEN},
    {POST | PATCH | DELETE, 0, "**", "crm.schemas.custom.write", NULL},
};

static const struct endpoint_rule deal_splits_batch[] = {
    {POST, 0, "**", "crm.dealsplits.read_write", NULL},
};

#define AREA(path, rules)                                    \
    {                                                        \
        STR(path), rules, sizeof(rules) / sizeof((rules)[0]) \
    }

/* Sorted by bytes, for binary search. */
const struct endpoint_area endpoints_hubs[] = {
    AREA("account-info/@", account_info),
    AREA("app-webhooks/@", webhooks),
    AREA("appinstalls/@/external-install", appinstalls_external_install),
    AREA("automation/@/action-types", automation_action_types),
    AREA("automation/@/actions", automation_actions),
    AREA("automation/@/flows", automation_flows),
    AREA("automation/@/sequences", automation_sequences),
    AREA("automation/@/workflow-id-mappings", automation_workflow_id_mappings),
    AREA("automation/actions/@", automation_actions),
    AREA("automation/actions/callbacks/@", automation_actions_callbacks),
    AREA("automation/email-templates/@", automation_email_templates),
    AREA("automation/sequences/@", automation_sequences),
    AREA("business-units/@", business_units_public),
    AREA("business-units/public/@", business_units_public),
    AREA("commerce/contracts/@", commerce_contracts),
    AREA("commerce/payment-accounts/@", commerce_payment_accounts),
    AREA("commerce/payment-links/@", commerce_payment_links),
    AREA("commerce/price-books/@", commerce_price_books),
    AREA("crm-object-schemas/@/schemas", crm_object_schemas_schemas),
    AREA("data-studio/@/data-source", data_studio_data_source),
    AREA("data-studio/data-source/@", data_studio_data_source),
    AREA("deal-splits/@/batch", deal_splits_batch),
    AREA("events/@/event-definitions", events_event_definitions),
    AREA("events/@/events", events_events),
    AREA("events/@/send", events_send),
    AREA("events/custom/@", events_custom),
    AREA("events/event-occurrences/@", events_events),
    AREA("feature-flags/@", feature_flags),
    AREA("files/@", files),
    AREA("forecast-settings/@", forecast_settings),
    AREA("forecast-submissions/@", forecast_submissions),
    AREA("integrators/timeline/@", integrators_timeline),
    AREA("media-bridge/@", media_bridge),
    AREA("meta/network-origins/@", meta_network_origins),
    AREA("notetaker/@", notetaker),
    AREA("oauth/@", oauth),
    AREA("payments-subscriptions/@", payments_subscriptions),
    AREA("scheduler/@/meetings", scheduler_meetings),
    AREA("settings/@/currencies", settings_currencies),
    AREA("settings/@/users", settings_users),
    AREA("settings/currencies/@", settings_currencies),
    AREA("settings/teams/@", settings_teams),
    AREA("settings/users/@", settings_users),
    AREA("tax-rates/@", tax_rates),
    AREA("webhooks-journal/journal-local/@", webhooks_journal_journal),
    AREA("webhooks-journal/journal/@", webhooks_journal_journal),
    AREA("webhooks-journal/snapshots/@", webhooks_journal_snapshots),
    AREA("webhooks-journal/subscriptions/@", webhooks_journal_subscriptions),
    AREA("webhooks/@", webhooks),
};

const size_t n_endpoints_hubs =
    sizeof(endpoints_hubs) / sizeof(endpoints_hubs[0]);
