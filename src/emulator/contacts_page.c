#include "emulator/contacts_page.h"

#include "emulator/crm_objects.h"
#include "emulator/page.h"

#include <inttypes.h>

#define MOST_SHOWN 100

static struct str
value_of(const struct record *r, const char *name)
{
    const struct crm_type *type = crm_type_of(r->kind);
    const struct crm_property *p = crm_property_find(type, str_from(name));
    struct str value = r->values[crm_property_index(type, p)];
    return value.p != NULL ? value : STR("");
}

static void
show_name(struct call *c, const struct record *r)
{
    page_text(c, value_of(r, "firstname"));
    page_add(c, " ");
    page_text(c, value_of(r, "lastname"));
}

static void
show_contact(struct call *c, const struct account *a, const struct record *r)
{
    page_add(c, "<form class=\"row\" method=\"post\" "
                "action=\"/apps/contacts/erase\">\n<p>");
    show_name(c, r);
    page_add(c, "<br><span class=\"soft\">");
    page_text(c, value_of(r, "email"));
    page_add(c, "</span></p>\n<input type=\"hidden\" name=\"portal\" value=\"");
    page_u64(c, a->portal);
    page_add(c, "\">\n<input type=\"hidden\" name=\"id\" value=\"");
    page_u64(c, r->id);
    page_add(c, "\">\n<button aria-label=\"Delete for good: ");
    show_name(c, r);
    page_add(c, "\">Delete for good</button>\n</form>\n");
}

static struct account *
account_of(struct call *c, struct str portal)
{
    struct account *a = accounts_find_text(&c->world->accounts, portal);
    if (a == NULL)
        page_error(c, 404, "no_account", STR("No such account"),
                   STR("There is no account with this portal number."));
    else
        c->portal = a->portal;
    return a;
}

void
do_contacts(struct call *c)
{
    struct account *a = account_of(c, c->params[0]);
    if (a == NULL)
        return;
    const struct crm_table *t = &crm_of(c->world, a)->tables[CRM_CONTACT];
    size_t n = 0;
    page_begin(c, 200,
               arena_printf(c->arena, "Contacts of %.*s", STR_ARG(a->name)));
    page_add(c, "<p>Deleting a contact for good is what a privacy request "
                "asks for: connected apps are told to erase what they hold "
                "about it.</p>\n");
    for (size_t i = 0; i < t->n && n < MOST_SHOWN; i++) {
        if (t->v[i]->archived_at_ms != 0)
            continue;
        show_contact(c, a, t->v[i]);
        n++;
    }
    if (n == 0)
        page_add(c, "<p>There are no contacts.</p>\n");
    page_end(c);
}

void
do_contacts_erase(struct call *c)
{
    uint64_t id = 0;
    struct account *a = account_of(c, call_form(c, "portal"));
    if (a == NULL)
        return;
    struct crm *crm = crm_of(c->world, a);
    (void)str_to_u64(call_form(c, "id"), &id); /* 0 is nobody's */
    struct record *r = crm_find(crm, CRM_CONTACT, id);
    if (r == NULL) {
        page_error(c, 404, "no_contact", STR("No such contact"),
                   STR("This contact does not exist, or not any more."));
        return;
    }
    crm_erase(c, crm, r);
    call_answer_redirect(
        c, arena_printf(c->arena, "/apps/contacts/%" PRIu64, a->portal));
}
