#include "emulator/crm_types.h"

#include <stddef.h>

#define SHOWN .is_default = true
#define FIXED .is_read_only = true

static const struct crm_property contact_properties[] = {
    {"address", CRM_TEXT},
    {"city", CRM_TEXT},
    {"company", CRM_TEXT},
    {"country", CRM_TEXT},
    {"createdate", CRM_DATETIME, SHOWN, FIXED},
    {"email", CRM_EMAIL, SHOWN, .is_unique = true},
    {"external_id", CRM_TEXT, .is_unique = true},
    {"firstname", CRM_TEXT, SHOWN},
    {"hs_lead_status", CRM_OPTION,
     .options = "NEW OPEN IN_PROGRESS OPEN_DEAL UNQUALIFIED "
                "ATTEMPTED_TO_CONTACT CONNECTED BAD_TIMING"},
    {"hs_object_id", CRM_NUMBER, SHOWN, FIXED},
    {"hubspot_owner_id", CRM_NUMBER},
    {"jobtitle", CRM_TEXT},
    {"lastmodifieddate", CRM_DATETIME, SHOWN, FIXED},
    {"lastname", CRM_TEXT, SHOWN},
    {"lifecyclestage", CRM_OPTION,
     .options = "subscriber lead marketingqualifiedlead salesqualifiedlead "
                "opportunity customer evangelist other"},
    {"mobilephone", CRM_TEXT},
    {"phone", CRM_TEXT},
    {"state", CRM_TEXT},
    {"website", CRM_TEXT},
    {"zip", CRM_TEXT},
};

static const struct crm_property company_properties[] = {
    {"address", CRM_TEXT},
    {"annualrevenue", CRM_NUMBER},
    {"city", CRM_TEXT},
    {"country", CRM_TEXT},
    {"createdate", CRM_DATETIME, SHOWN, FIXED},
    {"description", CRM_TEXT},
    {"domain", CRM_TEXT, SHOWN},
    {"external_id", CRM_TEXT, .is_unique = true},
    {"hs_lastmodifieddate", CRM_DATETIME, SHOWN, FIXED},
    {"hs_object_id", CRM_NUMBER, SHOWN, FIXED},
    {"hubspot_owner_id", CRM_NUMBER},
    {"industry", CRM_TEXT},
    {"lifecyclestage", CRM_OPTION,
     .options = "subscriber lead marketingqualifiedlead salesqualifiedlead "
                "opportunity customer evangelist other"},
    {"name", CRM_TEXT, SHOWN},
    {"numberofemployees", CRM_NUMBER},
    {"phone", CRM_TEXT},
    {"state", CRM_TEXT},
    {"website", CRM_TEXT},
    {"zip", CRM_TEXT},
};

static const struct crm_property deal_properties[] = {
    {"amount", CRM_NUMBER, SHOWN},
    {"closedate", CRM_DATETIME, SHOWN},
    {"createdate", CRM_DATETIME, SHOWN, FIXED},
    {"dealname", CRM_TEXT, SHOWN},
    {"dealstage", CRM_OPTION, SHOWN,
     .options = "appointmentscheduled qualifiedtobuy presentationscheduled "
                "decisionmakerboughtin contractsent closedwon closedlost"},
    {"dealtype", CRM_OPTION, .options = "newbusiness existingbusiness"},
    {"description", CRM_TEXT},
    {"external_id", CRM_TEXT, .is_unique = true},
    {"hs_lastmodifieddate", CRM_DATETIME, SHOWN, FIXED},
    {"hs_object_id", CRM_NUMBER, SHOWN, FIXED},
    {"hs_priority", CRM_OPTION, .options = "low medium high"},
    {"hubspot_owner_id", CRM_NUMBER},
    {"pipeline", CRM_OPTION, SHOWN, .options = "default"},
};

/* By name, as HubSpot writes them. */
#define LIST(all) all, sizeof(all) / sizeof((all)[0])

static const struct crm_type types[CRM_KINDS] = {
    {CRM_CONTACT, "contacts", "contact", "0-1", "crm.objects.contacts.read",
     "crm.objects.contacts.write", "lastmodifieddate",
     LIST(contact_properties)},
    {CRM_COMPANY, "companies", "company", "0-2", "crm.objects.companies.read",
     "crm.objects.companies.write", "hs_lastmodifieddate",
     LIST(company_properties)},
    {CRM_DEAL, "deals", "deal", "0-3", "crm.objects.deals.read",
     "crm.objects.deals.write", "hs_lastmodifieddate", LIST(deal_properties)},
};

const struct crm_type *
crm_type_of(enum crm_kind kind)
{
    return &types[kind];
}

const struct crm_type *
crm_type_find(struct str name)
{
    for (size_t i = 0; i < CRM_KINDS; i++) {
        if (str_equal(name, str_from(types[i].plural)) ||
            str_equal(name, str_from(types[i].singular)) ||
            str_equal(name, str_from(types[i].type_id)))
            return &types[i];
    }
    return NULL;
}

const struct crm_property *
crm_property_find(const struct crm_type *type, struct str name)
{
    for (size_t i = 0; i < type->n_properties; i++) {
        if (str_equal(name, str_from(type->properties[i].name)))
            return &type->properties[i];
    }
    return NULL;
}

size_t
crm_property_index(const struct crm_type *type,
                   const struct crm_property *property)
{
    return (size_t)(property - type->properties);
}

#define FITS(all) (sizeof(all) / sizeof((all)[0]) <= CRM_MOST_PROPERTIES)
_Static_assert(FITS(contact_properties) && FITS(company_properties) &&
                   FITS(deal_properties),
               "CRM_MOST_PROPERTIES is too small");
