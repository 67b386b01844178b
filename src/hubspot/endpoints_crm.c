#include "hubspot/endpoints_int.h"

/*
 * The CRM's endpoints: records, associations, definitions, lists, imports
 * and extensions.  The first rule of an area that fits is the answer, so
 * what is special stands before what is general.
 */

static const struct endpoint_rule crm_schemas[] = {
    {GET, 0, "", "crm.schemas.custom.read | crm.objects.custom.read", NULL},
    {GET, 0, "*", "oauth | crm.schemas.custom.read | crm.objects.custom.read",
     ANY_TOKEN},
    {POST | PATCH | DELETE, 0, "**", "crm.schemas.custom.write", NULL},
};

static const struct endpoint_rule crm_associations[] = {
    {GET, VERSION_LAST, "definitions/configurations/all", "{any}", NULL},
    {GET, VERSION_LAST, "definitions/configurations/{type}/{other}",
     "{read} + {other_read}", NULL},
    {POST, VERSION_LAST, "definitions/configurations/{type}/{other}/**",
     "{write} + {other_write}", NULL},
    {POST, 0, "usage/high-usage-report/*", "{any}", NULL},
    {POST, 0, "{type}/{other}/batch/read", "{read} + {other_read}", NULL},
    {GET, 0, "{type}/{other}/**", "{read} + {other_read}", NULL},
    {POST | PUT | DELETE, 0, "{type}/{other}/**", "{write} + {other_write}",
     NULL},
};

static const struct endpoint_rule crm_exports[] = {
    {ANY, 0, "**", "crm.export", NULL},
};

static const struct endpoint_rule crm_imports[] = {
    {ANY, 0, "**", "crm.import", NULL},
};

static const struct endpoint_rule crm_lists[] = {
    {POST, 0, "search|all|idmapping", "crm.lists.read", NULL},
    {POST, 0, "records/memberships/batch/read", "crm.lists.read", NULL},
    {GET, 0, "**", "crm.lists.read", NULL},
    {POST, 0, "", "crm.lists.write | cms.membership.access_groups.write", NULL},
    {POST | PUT | DELETE, 0, "**",
     "crm.lists.read + crm.lists.write | cms.membership.access_groups.write + "
     "crm.lists.read",
     NULL},
};

static const struct endpoint_rule crm_owners[] = {
    {GET, 0, "**", "crm.objects.owners.read | automation", NULL},
};

static const struct endpoint_rule crm_extensions_calling[] = {
    {POST, VERSION_LAST, "connection-statuses/batch/read",
     "crm.objects.owners.read | automation", NULL},
    {GET, VERSION_LAST, "connection-statuses/**",
     "crm.objects.owners.read | automation", NULL},
    {POST, 0, "inbound-call",
     "crm.objects.contacts.write | crm.schemas.contacts.write", NULL},
    {POST, 0, "recordings/ready",
     "crm.objects.contacts.write | crm.schemas.contacts.write", NULL},
    {GET, 0, "transcripts/*", "crm.extensions_calling_transcripts.read", NULL},
    {POST | DELETE, 0, "transcripts/**",
     "crm.extensions_calling_transcripts.write", NULL},
    {GET, 0, "*/settings/**", "developers-read", OLD_KEY},
    {POST | PATCH | DELETE, 0, "*/settings/**", "developers-write", OLD_KEY},
};

static const struct endpoint_rule crm_extensions_cards_dev[] = {
    {GET, 0, "sample-response", NULL, NULL},
    {GET, 0, "**", "developers-read | private-apps-read", OLD_KEY},
    {POST | PATCH | DELETE, 0, "**", "developers-write", OLD_KEY},
};

static const struct endpoint_rule crm_extensions_videoconferencing[] = {
    {ANY, 0, "settings/*",
     "developers-read | developers-write | portal-developers-access", NULL},
};

static const struct endpoint_rule crm_limits[] = {
    {GET, 0, "custom-object-types",
     "crm.schemas.custom.read | crm.objects.custom.read | "
     "crm.objects.custom.write | crm.schemas.custom.write",
     NULL},
    {GET, 0, "associations/records/from", "{any}", NULL},
    {GET, 0, "associations/records/{type}/to", "{read}", NULL},
    {GET, 0, "associations/records/{type}/{other}", "{read} + {other_read}",
     NULL},
    {GET, 0, "**", "{any}", NULL},
};

static const struct endpoint_rule crm_object_library[] = {
    {GET, 0, "enablement", "{any}", NULL},
    {GET, 0, "enablement/{type}", "{read}", NULL},
};

static const struct endpoint_rule crm_object_tags[] = {
    {ANY, 0, "**", "crm-pipelines-object-label-access", NULL},
};

static const struct endpoint_rule crm_pipelines_rules[] = {
    {GET, 0, "*/*/stage-edit-permissions",
     "crm-pipelines-locked-stages-access + pipeline-level-permissions-access",
     NULL},
    {PUT, 0, "*/*/stage-edit-permissions",
     "crm-access + crm-pipelines-locked-stages-write + "
     "pipeline-level-permissions-write",
     NULL},
    {GET, 0, "*/*/approvals/*", "deal-approval-read", NULL},
    {GET, 0, "**", "crm-pipelines-governance-read", NULL},
    {POST | PUT | PATCH | DELETE, 0, "**", "crm-pipelines-governance-write",
     NULL},
};

static const struct endpoint_rule crm_task_series[] = {
    {GET, 0, "*",
     "crm.objects.contacts.read | crm.objects.companies.read | "
     "crm.objects.deals.read | crm.objects.appointments.read | "
     "crm.objects.courses.read | crm.objects.listings.read | "
     "crm.objects.services.read | crm.objects.line_items.read | "
     "crm.objects.products.read | crm.objects.projects.read | "
     "crm.objects.goals.read | crm.objects.tasks.read | crm.schemas.tasks.read "
     "| tickets",
     NULL},
    {POST | PATCH | DELETE, 0, "**",
     "crm.objects.contacts.write | crm.objects.companies.write | "
     "crm.objects.deals.write | crm.objects.appointments.write | "
     "crm.objects.courses.write | crm.objects.listings.write | "
     "crm.objects.services.write | crm.objects.line_items.write | "
     "crm.objects.products.write | crm.objects.projects.write | "
     "crm.objects.goals.write | crm.objects.commercepayments.write | tickets | "
     "tasks-write",
     NULL},
};

static const struct endpoint_rule crm_properties[] = {
    {POST, 0, "{type}/batch/read", "{schema_read}", NULL},
    {GET, 0, "{type}/**", "{schema_read}", NULL},
    {POST | PUT | PATCH | DELETE, 0, "{type}/**", "{schema_write}", NULL},
};

static const struct endpoint_rule crm_property_validations[] = {
    {GET, 0, "{type}/**", "{schema_read}", NULL},
    {POST | PUT | PATCH | DELETE, 0, "{type}/**", "{schema_write}", NULL},
};

static const struct endpoint_rule crm_objects[] = {
    {POST, 0, "deals/splits/batch/**", "crm.dealsplits.read_write", NULL},
    {GET, 0, "{type}/*/associations/{other}", "{read} + {other_read}",
     BOTH_ENDS},
    {PUT, 0, "{type}/*/associations/default/{other}/*",
     "{write} + {other_write}", BOTH_ENDS},
    {PUT | DELETE, 0, "{type}/*/associations/{other}/**",
     "{write} + {other_write}", BOTH_ENDS},
    {POST, 0, "{type}/search", "{read}", NULL},
    {POST, 0, "{type}/batch/read", "{read}", NULL},
    {GET, 0, "{type}/**", "{read}", NULL},
    {POST | PUT | PATCH | DELETE, 0, "{type}/**", "{write}", NULL},
};

#define AREA(path, rules)                                    \
    {                                                        \
        STR(path), rules, sizeof(rules) / sizeof((rules)[0]) \
    }

/* Sorted by bytes, for binary search. */
const struct endpoint_area endpoints_crm[] = {
    AREA("crm/@/associations", crm_associations),
    AREA("crm/@/exports", crm_exports),
    AREA("crm/@/extensions/calling", crm_extensions_calling),
    AREA("crm/@/extensions/cards-dev", crm_extensions_cards_dev),
    AREA("crm/@/extensions/videoconferencing",
         crm_extensions_videoconferencing),
    AREA("crm/@/imports", crm_imports),
    AREA("crm/@/limits", crm_limits),
    AREA("crm/@/lists", crm_lists),
    AREA("crm/@/object-library", crm_object_library),
    AREA("crm/@/objects", crm_objects),
    AREA("crm/@/owners", crm_owners),
    AREA("crm/@/pipelines", crm_property_validations),
    AREA("crm/@/properties", crm_properties),
    AREA("crm/@/property-validations", crm_property_validations),
    AREA("crm/@/schemas", crm_schemas),
    AREA("crm/associations/@", crm_associations),
    AREA("crm/exports/@", crm_exports),
    AREA("crm/extensions/calling/@", crm_extensions_calling),
    AREA("crm/extensions/cards-dev/@", crm_extensions_cards_dev),
    AREA("crm/extensions/videoconferencing/@",
         crm_extensions_videoconferencing),
    AREA("crm/imports/@", crm_imports),
    AREA("crm/limits/@", crm_limits),
    AREA("crm/lists/@", crm_lists),
    AREA("crm/object-library/@", crm_object_library),
    AREA("crm/object-tags/@", crm_object_tags),
    AREA("crm/objects/@", crm_objects),
    AREA("crm/owners/@", crm_owners),
    AREA("crm/pipelines-rules/@", crm_pipelines_rules),
    AREA("crm/pipelines/@", crm_property_validations),
    AREA("crm/properties/@", crm_properties),
    AREA("crm/property-validations/@", crm_property_validations),
    AREA("crm/task-series/@", crm_task_series),
};

const size_t n_endpoints_crm = sizeof(endpoints_crm) / sizeof(endpoints_crm[0]);
