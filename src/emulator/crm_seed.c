#include "emulator/crm_seed.h"

#define N_COMPANIES 4
#define N_CONTACTS 8
#define N_DEALS 4
#define FIRST_ID 101
#define BEGAN_MS 1767261600000 /* 2026-01-01T10:00:00Z */

static const char *const first_names[] = {
    "Ada",   "Alan", "Barbara", "Donald", "Edsger", "Frances",
    "Grace", "Jean", "John",    "Ken",    "Lynn",   "Radia",
};
static const char *const last_names[] = {
    "Abel",   "Brandt", "Castro", "Dahl",   "Endo",   "Fischer",
    "Garcia", "Haas",   "Ito",    "Jensen", "Kovacs", "Lindt",
};
static const char *const trades[] = {
    "Bakery",   "Bicycles",  "Books", "Garden",
    "Lighting", "Logistics", "Paper", "Pumps",
};
static const char *const cities[] = {
    "Aarhus", "Boston", "Cork", "Delft", "Essen", "Fukuoka",
};
static const char *const jobs[] = {
    "Buyer", "Engineer", "Head of Sales", "Office Manager", "Owner",
};
static const char *const stages[] = {
    "appointmentscheduled",
    "qualifiedtobuy",
    "contractsent",
    "closedwon",
};

struct seeding {
    struct crm *crm;
    struct arena *arena;
    uint64_t x;
    int64_t now_ms;
    struct record *companies[N_COMPANIES];
    struct record *contacts[N_CONTACTS];
};

static uint64_t
draw(struct seeding *s, uint64_t below)
{
    s->x += 0x9e3779b97f4a7c15u;
    uint64_t z = s->x;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

#define PICK(s, list) list[draw(s, sizeof(list) / sizeof((list)[0]))]

static void
set(struct crm_values *values, enum crm_kind kind, const char *name,
    struct str value)
{
    const struct crm_type *type = crm_type_of(kind);
    size_t i =
        crm_property_index(type, crm_property_find(type, str_from(name)));
    values->has[i] = true;
    values->v[i] = value;
}

static struct record *
add(struct seeding *s, enum crm_kind kind, const struct crm_values *values)
{
    s->now_ms += 3600000 + (int64_t)draw(s, 7200000);
    return crm_create(s->crm, crm_type_of(kind), 0, values, s->now_ms);
}

static struct str
lower(struct seeding *s, const char *text)
{
    struct str copy = arena_copy(s->arena, str_from(text));
    char *p = arena_alloc(s->arena, copy.n + 1);
    for (size_t i = 0; i < copy.n; i++)
        p[i] = (char)(copy.p[i] | 0x20);
    return str_of(p, copy.n);
}

static void
add_company(struct seeding *s, size_t i)
{
    struct crm_values values = {0};
    const char *city = PICK(s, cities), *trade = PICK(s, trades);
    set(&values, CRM_COMPANY, "name",
        arena_printf(s->arena, "%s %s %zu", city, trade, i + 1));
    set(&values, CRM_COMPANY, "domain",
        arena_printf(s->arena, "%s-%s-%zu.example", lower(s, city).p,
                     lower(s, trade).p, i + 1));
    set(&values, CRM_COMPANY, "city", str_from(city));
    set(&values, CRM_COMPANY, "numberofemployees",
        arena_printf(s->arena, "%u", 5 + (unsigned)draw(s, 500)));
    set(&values, CRM_COMPANY, "lifecyclestage", STR("customer"));
    s->companies[i] = add(s, CRM_COMPANY, &values);
}

static void
add_contact(struct seeding *s, size_t i, struct str domain)
{
    struct crm_values values = {0};
    const char *first = PICK(s, first_names), *last = PICK(s, last_names);
    set(&values, CRM_CONTACT, "firstname", str_from(first));
    set(&values, CRM_CONTACT, "lastname", str_from(last));
    set(&values, CRM_CONTACT, "email",
        arena_printf(s->arena, "%s.%s.%zu@%.*s", lower(s, first).p,
                     lower(s, last).p, i + 1, STR_ARG(domain)));
    set(&values, CRM_CONTACT, "jobtitle", str_from(PICK(s, jobs)));
    set(&values, CRM_CONTACT, "phone",
        arena_printf(s->arena, "+1 555 01%02u", (unsigned)draw(s, 100)));
    set(&values, CRM_CONTACT, "lifecyclestage",
        draw(s, 2) == 0 ? STR("lead") : STR("customer"));
    s->contacts[i] = add(s, CRM_CONTACT, &values);
    crm_connect(s->contacts[i], s->companies[i % N_COMPANIES]);
}

static void
add_deal(struct seeding *s, size_t i)
{
    struct crm_values values = {0};
    set(&values, CRM_DEAL, "dealname",
        arena_printf(s->arena, "%s order %zu", PICK(s, trades), i + 1));
    set(&values, CRM_DEAL, "amount",
        arena_printf(s->arena, "%u", 500 + 50 * (unsigned)draw(s, 200)));
    set(&values, CRM_DEAL, "dealstage", str_from(PICK(s, stages)));
    set(&values, CRM_DEAL, "pipeline", STR("default"));
    set(&values, CRM_DEAL, "closedate", STR("2026-12-31T00:00:00.000Z"));
    struct record *deal = add(s, CRM_DEAL, &values);
    crm_connect(deal, s->contacts[i * 2]);
    crm_connect(deal, s->companies[i]);
}

void
crm_seed(struct crm *crm, uint64_t seed, struct str domain)
{
    struct seeding s = {
        .crm = crm, .arena = arena_new(), .x = seed, .now_ms = BEGAN_MS};
    crm->last_id = FIRST_ID - 1;
    for (size_t i = 0; i < N_COMPANIES; i++)
        add_company(&s, i);
    for (size_t i = 0; i < N_CONTACTS; i++)
        add_contact(&s, i, domain);
    for (size_t i = 0; i < N_DEALS; i++)
        add_deal(&s, i);
    arena_free(s.arena);
}
