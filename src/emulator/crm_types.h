#ifndef EMULATOR_CRM_TYPES_H
#define EMULATOR_CRM_TYPES_H

#include "base/str.h"

/*
 * The CRM's kinds of records that are emulated, and their properties.
 *
 *     const struct crm_type *type = crm_type_find(STR("contacts"));
 */
#define CRM_MOST_PROPERTIES 24

enum crm_kind { CRM_CONTACT, CRM_COMPANY, CRM_DEAL, CRM_KINDS };

enum crm_format {
    CRM_TEXT,
    CRM_EMAIL,
    CRM_NUMBER,
    CRM_DATETIME,
    CRM_OPTION, /* one of the property's options */
};

struct crm_property {
    const char *name;
    enum crm_format format;
    bool is_read_only;
    bool is_unique;
    bool is_default;     /* comes without being asked for */
    const char *options; /* of CRM_OPTION: names with a space between */
};

struct crm_type {
    enum crm_kind kind;
    const char *plural;   /* contacts */
    const char *singular; /* contact */
    const char *type_id;  /* 0-1 */
    const char *read_scope;
    const char *write_scope;
    const char *modified; /* name of the property with the last change */
    const struct crm_property *properties;
    size_t n_properties;
};

/* By plural, singular or type id; NULL for what is not emulated. */
const struct crm_type *crm_type_find(struct str name);
const struct crm_type *crm_type_of(enum crm_kind kind);
/* NULL for a property that the type does not have. */
const struct crm_property *crm_property_find(const struct crm_type *type,
                                             struct str name);
/* Its place in type->properties. */
size_t crm_property_index(const struct crm_type *type,
                          const struct crm_property *property);

#endif
