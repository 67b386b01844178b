#include "hubspot/objects.h"

/*
 * Calls, notes and the like ride on the scopes of contacts; taxes, fees and
 * discounts on those of line items.  E-mails: lists differ, both scopes is
 * the cautious reading, since bodies want sales-email-read.
 */
static const struct object_type types[] = {
    {STR("appointments"),
     STR("appointment"),
     STR("0-421"),
     {"crm.objects.appointments.read", "crm.objects.appointments.write",
      "crm.schemas.appointments.read | crm.objects.appointments.read | "
      "crm.objects.appointments.write",
      "crm.schemas.appointments.write"}},
    {STR("calls"),
     STR("call"),
     STR("0-48"),
     {"crm.objects.contacts.read", "crm.objects.contacts.write",
      "crm.objects.contacts.read | crm.objects.contacts.write | "
      "crm.schemas.calls.read | crm.objects.calls.read",
      NULL}},
    {STR("carts"),
     STR("cart"),
     STR("0-142"),
     {"crm.objects.carts.read", "crm.objects.carts.write",
      "crm.schemas.carts.read | crm.objects.carts.read",
      "crm.schemas.carts.write | crm.objects.carts.write"}},
    {STR("commerce_payments"),
     STR("commerce_payment"),
     STR("0-101"),
     {"crm.objects.commercepayments.read", "crm.objects.commercepayments.write",
      "crm.schemas.commercepayments.read | crm.objects.commercepayments.write",
      "crm.schemas.commercepayments.write"}},
    {STR("communications"),
     STR("communication"),
     STR("0-18"),
     {"crm.objects.contacts.read", "crm.objects.contacts.write",
      "crm.objects.contacts.read | crm.objects.contacts.write", NULL}},
    {STR("companies"),
     STR("company"),
     STR("0-2"),
     {"crm.objects.companies.read", "crm.objects.companies.write",
      "crm.schemas.companies.read | crm.objects.companies.read | "
      "crm.objects.companies.write",
      "crm.schemas.companies.write"}},
    {STR("contacts"),
     STR("contact"),
     STR("0-1"),
     {"crm.objects.contacts.read", "crm.objects.contacts.write",
      "crm.schemas.contacts.read | crm.objects.contacts.read | "
      "crm.objects.contacts.write",
      "crm.schemas.contacts.write"}},
    {STR("contracts"),
     STR("contract"),
     STR_NONE,
     {"crm.objects.contracts.read", NULL, NULL, NULL}},
    {STR("courses"),
     STR("course"),
     STR("0-410"),
     {"crm.objects.courses.read", "crm.objects.courses.write",
      "crm.schemas.courses.read | crm.objects.courses.read | "
      "crm.objects.courses.write",
      "crm.schemas.courses.write"}},
    {STR("deals"),
     STR("deal"),
     STR("0-3"),
     {"crm.objects.deals.read", "crm.objects.deals.write",
      "crm.schemas.deals.read | crm.objects.deals.read | "
      "crm.objects.deals.write",
      "crm.schemas.deals.write"}},
    {STR("discounts"),
     STR("discount"),
     STR("0-84"),
     {"crm.objects.line_items.read | e-commerce",
      "crm.objects.line_items.write | e-commerce",
      "crm.objects.line_items.read | crm.objects.line_items.write | e-commerce",
      "e-commerce"}},
    {STR("emails"),
     STR("email"),
     STR("0-49"),
     {"crm.objects.contacts.read + sales-email-read",
      "crm.objects.contacts.write + sales-email-read",
      "crm.objects.contacts.read | crm.objects.contacts.write | "
      "crm.schemas.emails.read | crm.objects.emails.read",
      NULL}},
    {STR("feedback_submissions"),
     STR("feedback_submission"),
     STR("0-19"),
     {"crm.objects.contacts.read | crm.objects.feedback_submission.read", NULL,
      "crm.objects.contacts.read | crm.objects.feedback_submission.read",
      NULL}},
    {STR("fees"),
     STR("fee"),
     STR("0-85"),
     {"crm.objects.line_items.read | e-commerce",
      "crm.objects.line_items.write | e-commerce",
      "crm.objects.line_items.read | crm.objects.line_items.write | e-commerce",
      "e-commerce"}},
    {STR("goal_targets"),
     STR("goal_target"),
     STR("0-74"),
     {"crm.objects.goals.read", "crm.objects.goals.write",
      "crm.objects.goals.read | crm.objects.goals.write", NULL}},
    {STR("invoices"),
     STR("invoice"),
     STR("0-53"),
     {"crm.objects.invoices.read", "crm.objects.invoices.write",
      "crm.schemas.invoices.read | crm.objects.invoices.read | "
      "crm.objects.invoices.write",
      "crm.schemas.invoices.write"}},
    {STR("leads"),
     STR("lead"),
     STR("0-136"),
     {"crm.objects.leads.read", "crm.objects.leads.write",
      "crm.objects.leads.read | crm.objects.leads.write", NULL}},
    {STR("line_items"),
     STR("line_item"),
     STR("0-8"),
     {"crm.objects.line_items.read | e-commerce",
      "crm.objects.line_items.write | e-commerce",
      "crm.schemas.line_items.read | crm.objects.line_items.read | "
      "crm.objects.line_items.write | e-commerce",
      "e-commerce"}},
    {STR("listings"),
     STR("listing"),
     STR("0-420"),
     {"crm.objects.listings.read", "crm.objects.listings.write",
      "crm.schemas.listings.read | crm.objects.listings.read | "
      "crm.objects.listings.write",
      "crm.schemas.listings.write"}},
    {STR("meetings"),
     STR("meeting"),
     STR("0-47"),
     {"crm.objects.contacts.read", "crm.objects.contacts.write",
      "crm.objects.contacts.read | crm.objects.contacts.write | "
      "crm.schemas.meetings.read | crm.objects.meetings.read",
      NULL}},
    {STR("notes"),
     STR("note"),
     STR("0-46"),
     {"crm.objects.contacts.read", "crm.objects.contacts.write",
      "crm.objects.contacts.read | crm.objects.contacts.write | "
      "crm.schemas.notes.read | crm.objects.notes.read",
      NULL}},
    {STR("orders"),
     STR("order"),
     STR("0-123"),
     {"crm.objects.orders.read", "crm.objects.orders.write",
      "crm.schemas.orders.read | crm.pipelines.orders.read | "
      "crm.objects.orders.read",
      "crm.schemas.orders.write | crm.pipelines.orders.write | "
      "crm.objects.orders.write"}},
    {STR("partner_clients"),
     STR("partner_client"),
     STR_NONE,
     {"crm.objects.partner-clients.read", "crm.objects.partner-clients.write",
      NULL, NULL}},
    {STR("partner_services"),
     STR("partner_service"),
     STR_NONE,
     {"crm.objects.partner-services.read", "crm.objects.partner-services.write",
      NULL, NULL}},
    {STR("postal_mail"),
     STR("postal_mail"),
     STR("0-116"),
     {"crm.objects.contacts.read", "crm.objects.contacts.write",
      "crm.objects.contacts.read | crm.objects.contacts.write", NULL}},
    {STR("products"),
     STR("product"),
     STR("0-7"),
     {"e-commerce | crm.objects.products.read",
      "e-commerce | crm.objects.products.write",
      "e-commerce | crm.objects.products.write", "e-commerce"}},
    {STR("projects"),
     STR("project"),
     STR("0-970"),
     {"crm.objects.projects.read", "crm.objects.projects.write",
      "crm.schemas.projects.read | crm.objects.projects.read | "
      "crm.objects.projects.write",
      "crm.schemas.projects.write"}},
    {STR("quotes"),
     STR("quote"),
     STR("0-14"),
     {"crm.objects.quotes.read | e-commerce",
      "crm.objects.quotes.write | e-commerce",
      "crm.schemas.quotes.read | crm.objects.quotes.read | "
      "crm.objects.quotes.write | e-commerce | cpq.quotes.read | "
      "cpq.quotes.write",
      "e-commerce | crm.schemas.quotes.write"}},
    {STR("services"),
     STR("service"),
     STR("0-162"),
     {"crm.objects.services.read", "crm.objects.services.write",
      "crm.schemas.services.read | crm.objects.services.read | "
      "crm.objects.services.write",
      "crm.schemas.services.write"}},
    {STR("subscriptions"),
     STR("subscription"),
     STR("0-69"),
     {"crm.objects.subscriptions.read", "crm.objects.subscriptions.write",
      "crm.schemas.subscriptions.read | crm.objects.subscriptions.read | "
      "crm.objects.subscriptions.write",
      "crm.schemas.subscriptions.write"}},
    {STR("tasks"),
     STR("task"),
     STR("0-27"),
     {"crm.objects.contacts.read", "crm.objects.contacts.write",
      "crm.objects.contacts.read | crm.objects.contacts.write | "
      "crm.schemas.tasks.read | crm.objects.tasks.read",
      NULL}},
    {STR("taxes"),
     STR("tax"),
     STR("0-86"),
     {"crm.objects.line_items.read", "crm.objects.line_items.write",
      "crm.objects.line_items.read | crm.objects.line_items.write", NULL}},
    {STR("tickets"),
     STR("ticket"),
     STR("0-5"),
     {"tickets", "tickets", "tickets | crm.schemas.tickets.read",
      "tickets | crm.schemas.tickets.write"}},
    {STR("users"),
     STR("user"),
     STR("0-115"),
     {"crm.objects.users.read", "crm.objects.users.write",
      "crm.objects.users.read", "crm.objects.users.write"}},
    {STR("custom"),
     STR_NONE,
     STR_NONE,
     {"crm.objects.custom.read", "crm.objects.custom.write",
      "crm.schemas.custom.read | crm.objects.custom.read | "
      "crm.objects.custom.write",
      "crm.schemas.custom.write"}},
};

#define COUNT (sizeof(types) / sizeof(types[0]))

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* 2-123; p_name, p123_name. */
static bool
is_custom(struct str name)
{
    size_t i = 1;
    if (name.n < 3 || (name.p[0] != '2' && (name.p[0] | 0x20) != 'p'))
        return false;
    if (name.p[0] == '2' && name.p[1] != '-')
        return false;
    if (name.p[0] == '2')
        i = 2;
    while (i < name.n && is_digit(name.p[i]))
        i++;
    if (name.p[0] == '2')
        return i == name.n;
    return name.p[i] == '_' && i + 1 < name.n;
}

static bool
is_called(struct str a, struct str b)
{
    return a.n == b.n && str_equal_nocase(a, b);
}

const struct object_type *
object_type_find(struct str name)
{
    if (name.n == 0)
        return NULL;
    for (size_t i = 0; i + 1 < COUNT; i++)
        if (is_called(types[i].plural, name) || is_called(types[i].id, name) ||
            is_called(types[i].singular, name))
            return &types[i];
    return is_custom(name) ? &types[COUNT - 1] : NULL;
}

size_t
object_type_count(void)
{
    return COUNT;
}

const struct object_type *
object_type_at(size_t i)
{
    return &types[i];
}
