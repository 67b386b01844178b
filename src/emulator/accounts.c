#include "emulator/accounts.h"

#include "base/arena.h"
#include "emulator/crm.h"
#include "emulator/own.h"

#include <inttypes.h>
#include <stdlib.h>

static void
account_free(struct account *a)
{
    own_drop(&a->name);
    own_drop(&a->domain);
    own_drop(&a->user_email);
    crm_free(a->crm);
    throttle_done(&a->searches);
    free(a);
}

void
accounts_done(struct accounts *all)
{
    for (size_t i = 0; i < all->n; i++)
        account_free(all->v[i]);
    free(all->v);
    map_done(&all->by_portal);
    *all = (struct accounts){0};
}

struct account *
accounts_find(const struct accounts *all, uint64_t portal)
{
    return map_get(&all->by_portal, map_key(&portal));
}

struct account *
accounts_find_text(const struct accounts *all, struct str digits)
{
    uint64_t portal;
    if (!str_to_u64(digits, &portal))
        return NULL;
    return accounts_find(all, portal);
}

/* "Acme Free" owns acme-free.example. */
static struct str
domain_of(struct arena *arena, struct str name)
{
    struct str domain = arena_printf(arena, "%.*s.example", STR_ARG(name));
    char *p = arena_alloc(arena, domain.n + 1);
    for (size_t i = 0; i < domain.n; i++) {
        char c = domain.p[i];
        p[i] = c == ' ' ? '-' : c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
    }
    return str_of(p, domain.n);
}

struct account *
accounts_add(struct accounts *all, uint64_t portal, struct str name,
             enum hubspot_edition edition)
{
    struct account *a = accounts_find(all, portal);
    if (a != NULL)
        return a;
    struct arena *arena = arena_new();
    struct str domain = domain_of(arena, name);
    a = own_alloc(sizeof(*a));
    *a = (struct account){
        .portal = portal,
        .name = own_text(name),
        .domain = own_text(domain),
        .user_email =
            own_text(arena_printf(arena, "admin@%.*s", STR_ARG(domain))),
        .user_id = 500000 + portal,
        .edition = edition,
    };
    arena_free(arena);
    all->v = own_room(all->v, all->n, &all->room, sizeof(*all->v));
    all->v[all->n++] = a;
    map_put(&all->by_portal, map_key(&a->portal), a);
    return a;
}

void
accounts_add_standard(struct accounts *all)
{
    accounts_add(all, 1001, STR("Acme Free"), EDITION_FREE);
    accounts_add(all, 1002, STR("Acme Professional"), EDITION_PROFESSIONAL);
    accounts_add(all, 1003, STR("Acme Enterprise"), EDITION_ENTERPRISE);
}
