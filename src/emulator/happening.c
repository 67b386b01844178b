#include "emulator/happening.h"

#include "emulator/hubdoc.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    const char *name, *action;
} names[HAPPENING_KINDS] = {
    [HAPPENING_CREATION] = {"creation", "CREATE"},
    [HAPPENING_DELETION] = {"deletion", "DELETE"},
    [HAPPENING_MERGE] = {"merge", "MERGE"},
    [HAPPENING_RESTORE] = {"restore", "RESTORE"},
    [HAPPENING_CHANGE] = {"propertyChange", "UPDATE"},
    [HAPPENING_ASSOCIATION] = {"associationChange", "ASSOCIATION_ADDED"},
    [HAPPENING_PRIVACY] = {"privacyDeletion", "GDPR_DELETE"},
    [HAPPENING_INSTALL] = {"install", "APP_INSTALL"},
    [HAPPENING_UNINSTALL] = {"uninstall", "APP_UNINSTALL"},
};

struct str
happening_name(enum happening_kind kind)
{
    return str_from(names[kind].name);
}

bool
happening_find(struct str name, enum happening_kind *out)
{
    for (size_t i = 0; i < HAPPENING_KINDS; i++) {
        if (!str_equal(name, str_from(names[i].name)))
            continue;
        *out = (enum happening_kind)i;
        return true;
    }
    return false;
}

struct str
happening_action(const struct happening *h)
{
    if (h->kind == HAPPENING_ASSOCIATION && h->is_removed)
        return STR("ASSOCIATION_REMOVED");
    return str_from(names[h->kind].action);
}

unsigned
happening_link_type(enum crm_kind from, enum crm_kind to)
{
    static const unsigned ids[CRM_KINDS][CRM_KINDS] = {
        [CRM_CONTACT] =
            {[CRM_CONTACT] = 449, [CRM_COMPANY] = 279, [CRM_DEAL] = 4},
        [CRM_COMPANY] =
            {[CRM_CONTACT] = 280, [CRM_COMPANY] = 450, [CRM_DEAL] = 342},
        [CRM_DEAL] = {[CRM_CONTACT] = 3, [CRM_COMPANY] = 341, [CRM_DEAL] = 451},
    };
    return ids[from][to];
}

/* CONTACT_TO_COMPANY */
static void
add_association_type(const struct happening *h, struct doc *d)
{
    struct buf auto_buf name;
    buf_init(&name, 64);
    buf_addf(&name, "%s_TO_%s", h->type->singular, h->to_type->singular);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] >= 'a' && name.p[i] <= 'z')
            name.p[i] = (char)(name.p[i] - 'a' + 'A');
    }
    doc_field_str(d, "associationType", buf_str(&name));
}

static void
add_push_merge(const struct happening *h, struct doc *d)
{
    doc_field_u64(d, "primaryObjectId", h->primary_id);
    doc_key(d, "mergedObjectIds");
    doc_open(d, '[');
    for (size_t i = 0; i < h->n_merged; i++)
        doc_u64(d, h->merged[i]);
    doc_close(d, ']');
    doc_field_u64(d, "newObjectId", h->new_id);
    doc_field_u64(d, "numberOfPropertiesMoved", h->n_moved);
}

static void
add_push_association(const struct happening *h, struct doc *d)
{
    add_association_type(h, d);
    doc_field_u64(d, "fromObjectId", h->object_id);
    doc_field_u64(d, "toObjectId", h->to_id);
    doc_field_bool(d, "associationRemoved", h->is_removed);
    doc_field_bool(d, "isPrimaryAssociation", false);
}

static void
add_push_object(const struct happening *h, struct doc *d)
{
    if (h->kind == HAPPENING_ASSOCIATION) {
        add_push_association(h, d);
        return;
    }
    if (h->type != NULL)
        doc_field_u64(d, "objectId", h->object_id);
    if (h->kind == HAPPENING_MERGE)
        add_push_merge(h, d);
    if (h->kind == HAPPENING_CREATION)
        doc_field_str(d, "changeFlag", STR("CREATED"));
    if (h->kind == HAPPENING_CHANGE) {
        doc_field_str(d, "propertyName", h->property);
        doc_field_str(d, "propertyValue",
                      h->value.p != NULL ? h->value : STR(""));
        doc_field_bool(d, "isSensitive", false);
    }
}

void
happening_add_push(const struct happening *h, const struct happening_push *push,
                   struct buf *out)
{
    struct doc d = doc_into(out);
    char source_id[32];
    int n =
        snprintf(source_id, sizeof(source_id), "userId:%" PRIu64, h->serial);
    doc_open(&d, '{');
    doc_field_u64(&d, "eventId", h->event_id);
    doc_field_u64(&d, "subscriptionId", push->subscription_id);
    doc_field_u64(&d, "portalId", h->portal);
    doc_field_u64(&d, "appId", push->app_id);
    hubdoc_i64(&d, "occurredAt", h->at_ms);
    doc_field_str(&d, "subscriptionType", push->subscription_type);
    add_push_object(h, &d);
    if (push->is_generic)
        doc_field_str(&d, "objectTypeId", str_from(h->type->type_id));
    doc_field_str(&d, "changeSource", h->source);
    doc_field_str(&d, "sourceId", str_of(source_id, (size_t)n));
}

static void
add_journal_association(const struct happening *h, struct doc *d)
{
    doc_field_str(d, "fromObjectTypeId", str_from(h->type->type_id));
    doc_field_u64(d, "fromObjectId", h->object_id);
    doc_field_str(d, "toObjectTypeId", str_from(h->to_type->type_id));
    doc_field_u64(d, "toObjectId", h->to_id);
    doc_field_u64(d, "associationTypeId",
                  happening_link_type(h->type->kind, h->to_type->kind));
    doc_field_str(d, "associationCategory", STR("HUBSPOT_DEFINED"));
    doc_field_bool(d, "isPrimary", false);
}

static void
add_journal_life(const struct happening *h, uint64_t app_id, struct doc *d)
{
    doc_field_str(d, "eventTypeId",
                  h->kind == HAPPENING_INSTALL ? STR(EVENT_TYPE_INSTALL)
                                               : STR(EVENT_TYPE_UNINSTALL));
    doc_key(d, "properties");
    doc_open(d, '{');
    hubdoc_id(d, "hs_app_id", app_id);
    doc_field_str(d, "hs_app_install_level", STR("PORTAL"));
    hubdoc_id(d, "hs_initiating_user_id", h->user_id);
    hubdoc_id(d, "hs_user_id", h->user_id);
    doc_close(d, '}');
}

static void
add_journal_object(const struct happening *h, struct doc *d)
{
    doc_field_str(d, "objectTypeId", str_from(h->type->type_id));
    doc_field_u64(d, "objectId", h->object_id);
    if (h->kind == HAPPENING_MERGE)
        add_push_merge(h, d);
    if (h->kind != HAPPENING_CHANGE)
        return;
    doc_key(d, "propertyChanges");
    doc_open(d, '{');
    hubdoc_key(d, h->property);
    if (h->value.p != NULL)
        doc_str(d, h->value);
    else
        doc_null(d);
    doc_close(d, '}');
}

/* The type of a privacy deletion is published nowhere; the action is. */
static struct str
journal_type(const struct happening *h)
{
    if (h->type == NULL)
        return STR("app_lifecycle_event");
    if (h->kind == HAPPENING_ASSOCIATION)
        return STR("association");
    return h->kind == HAPPENING_PRIVACY ? STR("gdprPrivacyDeletion")
                                        : STR("crmObject");
}

void
happening_add_journal(const struct happening *h, uint64_t app_id,
                      struct buf *out)
{
    struct doc d = doc_into(out);
    doc_open(&d, '{');
    doc_field_str(&d, "type", journal_type(h));
    doc_field_u64(&d, "portalId", h->portal);
    hubdoc_time(&d, "occurredAt", h->at_ms);
    doc_field_str(&d, "action", happening_action(h));
    if (h->type == NULL)
        add_journal_life(h, app_id, &d);
    else if (h->kind == HAPPENING_ASSOCIATION)
        add_journal_association(h, &d);
    else
        add_journal_object(h, &d);
    doc_close(&d, '}');
}
