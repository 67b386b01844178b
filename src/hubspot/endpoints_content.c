#include "hubspot/endpoints_int.h"

/*
 * The endpoints of content, marketing and conversations.  The first rule of an
 * area that fits is the answer, so what is special stands before what is
 * general.
 */

static const struct endpoint_rule cms_domains[] = {
    {GET, 0, "**",
     "cms.domains.read | content | cms.domains.write | "
     "cms.knowledge_base.settings.read | cms.knowledge_base.settings.write",
     NULL},
};

static const struct endpoint_rule cms_hubdb[] = {
    {POST, 0, "tables/*/rows/batch/read", "hubdb | hubdb.rows.read", NULL},
    {POST, 0, "tables/*/rows/draft/batch/read", "hubdb | hubdb.rows.read",
     NULL},
    {GET, 0, "tables/*/rows/**", "hubdb | hubdb.rows.read", NULL},
    {GET, 0, "tables/*/export", "hubdb | hubdb.rows.read", NULL},
    {GET, 0, "tables/*/draft/export", "hubdb | hubdb.rows.read", NULL},
    {POST | PUT | PATCH | DELETE, 0, "tables/*/rows/**",
     "hubdb | hubdb.rows.write", NULL},
    {POST, 0, "tables/*/draft/import|reset", "hubdb | hubdb.rows.write", NULL},
    {POST, 0, "tables/*/draft/publish", "hubdb | hubdb.tables.publish", NULL},
    {POST, 0, "tables/*/unpublish", "hubdb | hubdb.tables.publish", NULL},
    {GET, 0, "tables/**", "hubdb | hubdb.tables.read", NULL},
    {POST | PATCH | DELETE, 0, "tables/**", "hubdb | hubdb.tables.write", NULL},
};

static const struct endpoint_rule cms_pages[] = {
    {POST, 0, "landing-pages/batch/read",
     "content | content.landing_pages.read", NULL},
    {POST, 0, "landing-pages/folders/batch/read",
     "content | content.landing_pages.read", NULL},
    {GET, 0, "landing-pages/**", "content | content.landing_pages.read", NULL},
    {POST | PUT | PATCH | DELETE, 0, "landing-pages/**",
     "content | content.landing_pages.write", NULL},
    {POST, 0, "site-pages/batch/read", "content | content.site_pages.read",
     NULL},
    {GET, 0, "site-pages/**", "content | content.site_pages.read", NULL},
    {POST | PUT | PATCH | DELETE, 0, "site-pages/**", "content", NULL},
};

static const struct endpoint_rule url_mappings_url_mappings[] = {
    {ANY, 0, "**", "content", NULL},
};

static const struct endpoint_rule communication_preferences[] = {
    {POST, 0, "statuses/batch/read",
     "communication_preferences.statuses.batch.read", NULL},
    {POST, 0, "statuses/batch/unsubscribe-all/read",
     "communication_preferences.statuses.batch.read", NULL},
    {POST, 0, "statuses/batch/**",
     "communication_preferences.statuses.batch.write", NULL},
    {POST, 0, "links/generate",
     "communication_preferences.read_write | communication_preferences.read + "
     "communication_preferences.write",
     NULL},
    {POST, 0, "resubscribe", NULL, NULL},
    {GET, 0, "**",
     "communication_preferences.read | communication_preferences.read_write",
     NULL},
    {POST, 0, "**",
     "communication_preferences.write | communication_preferences.read_write",
     NULL},
};

static const struct endpoint_rule conversations_custom_channels[] = {
    {ANY, 0, "*/channel-accounts|channel-account-staging-tokens/**",
     "conversations.custom_channels.read | conversations.custom_channels.write",
     NULL},
    {GET, 0, "*/messages/**", "conversations.custom_channels.read", NULL},
    {POST | PATCH, 0, "*/messages/**", "conversations.custom_channels.write",
     NULL},
    {ANY, 0, "**", NULL, OLD_KEY},
};

static const struct endpoint_rule conversations_conversations[] = {
    {POST, 0, "actors/batch/read", "conversations.read", NULL},
    {GET, 0, "**", "conversations.read", NULL},
    {POST | PUT | PATCH | DELETE, 0, "**", "conversations.write", NULL},
};

static const struct endpoint_rule visitor_identification_tokens[] = {
    {POST, 0, "create", "conversations.visitor_identification.tokens.create",
     NULL},
};

static const struct endpoint_rule marketing_aeo[] = {
    {GET, 0, "**", "marketing.aeo.read | aeo-standalone-access", NULL},
};

static const struct endpoint_rule marketing_campaigns[] = {
    {GET, VERSION_LAST, "clone/*/status", "marketing.campaigns.write",
     READ_AS_WRITE},
    {POST, 0, "batch/read", "marketing.campaigns.read", NULL},
    {GET, 0, "*/reports/revenue",
     "marketing.campaigns.revenue.read | marketing.campaigns.revenue.full.read "
     "| marketing.campaigns.revenue.lite.read",
     NULL},
    {GET, 0, "**", "marketing.campaigns.read", NULL},
    {POST | PUT | PATCH | DELETE, 0, "**", "marketing.campaigns.write", NULL},
};

static const struct endpoint_rule marketing_email_campaigns[] = {
    {POST, 0, "single-send", "marketing-email | transactional-email", NULL},
};

static const struct endpoint_rule marketing_emails[] = {
    {POST, 0, "*/publish|unpublish", "marketing-email | transactional-email",
     NULL},
    {ANY, 0, "**", "content | marketing.email.read | marketing.email.write",
     NULL},
};

static const struct endpoint_rule marketing_forms[] = {
    {ANY, 0, "**", "forms", NULL},
};

static const struct endpoint_rule marketing_lead_scoring[] = {
    {GET, 0, "score-values/object-history", "oauth", ANY_TOKEN},
    {GET, 0, "**", "mh-lead-scoring-view", NULL},
    {POST | PUT | DELETE, 0, "**", "mh-lead-scoring-edit", NULL},
};

static const struct endpoint_rule marketing_marketing_events[] = {
    {GET, 0, "*/settings", "developers-read", OLD_KEY},
    {POST, 0, "*/settings", "developers-write", OLD_KEY},
    {GET, 0, "associations/**", "crm.objects.marketing_events.write",
     READ_AS_WRITE},
    {GET, 0, "**", "crm.objects.marketing_events.read", NULL},
    {POST | PUT | PATCH | DELETE, 0, "**", "crm.objects.marketing_events.write",
     NULL},
};

static const struct endpoint_rule marketing_transactional[] = {
    {ANY, 0, "**", "transactional-email", NULL},
};

#define AREA(path, rules)                                    \
    {                                                        \
        STR(path), rules, sizeof(rules) / sizeof((rules)[0]) \
    }

/* Sorted by bytes, for binary search. */
const struct endpoint_area endpoints_content[] = {
    AREA("cms/@/blog-settings", url_mappings_url_mappings),
    AREA("cms/@/blogs", url_mappings_url_mappings),
    AREA("cms/@/domains", cms_domains),
    AREA("cms/@/hubdb", cms_hubdb),
    AREA("cms/@/pages", cms_pages),
    AREA("cms/@/site-search", url_mappings_url_mappings),
    AREA("cms/@/source-code", url_mappings_url_mappings),
    AREA("cms/@/url-redirects", url_mappings_url_mappings),
    AREA("cms/audit-logs/@", url_mappings_url_mappings),
    AREA("cms/blog-settings/@", url_mappings_url_mappings),
    AREA("cms/blogs/@", url_mappings_url_mappings),
    AREA("cms/domains/@", cms_domains),
    AREA("cms/hubdb/@", cms_hubdb),
    AREA("cms/pages/@", cms_pages),
    AREA("cms/site-search/@", url_mappings_url_mappings),
    AREA("cms/source-code/@", url_mappings_url_mappings),
    AREA("cms/url-redirects/@", url_mappings_url_mappings),
    AREA("communication-preferences/@", communication_preferences),
    AREA("conversations/@/conversations", conversations_conversations),
    AREA("conversations/@/custom-channels", conversations_custom_channels),
    AREA("conversations/conversations/@", conversations_conversations),
    AREA("conversations/custom-channels/@", conversations_custom_channels),
    AREA("marketing/@/campaigns", marketing_campaigns),
    AREA("marketing/@/email", marketing_email_campaigns),
    AREA("marketing/@/emails", marketing_emails),
    AREA("marketing/@/forms", marketing_forms),
    AREA("marketing/@/marketing-events", marketing_marketing_events),
    AREA("marketing/@/transactional", marketing_transactional),
    AREA("marketing/aeo/@", marketing_aeo),
    AREA("marketing/campaigns/@", marketing_campaigns),
    AREA("marketing/email-campaigns/@", marketing_email_campaigns),
    AREA("marketing/emails/@", marketing_emails),
    AREA("marketing/forms/@", marketing_forms),
    AREA("marketing/lead-scoring/@", marketing_lead_scoring),
    AREA("marketing/marketing-events/@", marketing_marketing_events),
    AREA("marketing/transactional/@", marketing_transactional),
    AREA("url-mappings/@/url-mappings", url_mappings_url_mappings),
    AREA("visitor-identification/@/tokens", visitor_identification_tokens),
};

const size_t n_endpoints_content =
    sizeof(endpoints_content) / sizeof(endpoints_content[0]);
