#include "cli/plan.h"

#include "hubspot/cover.h"

/*
 * First the calls that must work, then the optional ones on top of what
 * those have anyhow.  A scope costs by what matters most first: that it can
 * be asked for at all, that it is one more, the edition, what it lets do.
 */
#define COST_UNPUBLISHED (UINT64_C(1) << 48)
#define COST_ONE (UINT64_C(1) << 32)
#define COST_EDITION (UINT64_C(1) << 20)
#define COST_CHANGES (UINT64_C(1) << 8)

struct plan *
plan_new(struct arena *arena)
{
    struct plan *p = arena_alloc(arena, sizeof(*p));
    p->arena = arena;
    return p;
}

static uint32_t
hash_of(const struct endpoint *e, const struct plan_call *call)
{
    if (e->rule == NULL)
        return str_hash(call->path) ^ str_hash(call->method);
    uintptr_t all =
        (uintptr_t)e->rule ^ (uintptr_t)e->type * 3 ^ (uintptr_t)e->other * 7;
    return (uint32_t)(all >> 3) * 2654435761U ^ str_hash(e->unknown_type);
}

static bool
is_same_kind(const struct plan_kind *k, const struct endpoint *e,
             const struct plan_call *call)
{
    if (k->endpoint.rule != e->rule || k->endpoint.type != e->type ||
        k->endpoint.other != e->other ||
        k->example.is_optional != call->is_optional ||
        !str_equal(k->endpoint.unknown_type, e->unknown_type))
        return false;
    return e->rule != NULL || (str_equal(k->example.path, call->path) &&
                               str_equal(k->example.method, call->method));
}

static void
add_kind(struct plan *p, const struct endpoint *e, const struct plan_call *call,
         struct plan_kind **bucket)
{
    struct plan_kind *k = arena_alloc(p->arena, sizeof(*k));
    *k = (struct plan_kind){.example = *call, .next = *bucket};
    k->example.method = arena_copy(p->arena, call->method);
    k->example.path = arena_copy(p->arena, call->path);
    k->example.where = arena_copy(p->arena, call->where);
    k->endpoint = *e;
    k->endpoint.unknown_type = arena_copy(p->arena, e->unknown_type);
    if (p->n_kinds == p->room) {
        p->room = p->room == 0 ? 64 : p->room * 2;
        struct plan_kind **more =
            arena_alloc(p->arena, p->room * sizeof(struct plan_kind *));
        for (size_t i = 0; i < p->n_kinds; i++)
            more[i] = p->kinds[i];
        p->kinds = more;
    }
    p->kinds[p->n_kinds++] = k;
    *bucket = k;
}

/* Such kinds are as many as there are mistakes in the input. */
static bool
is_of_unknown(const struct endpoint *e)
{
    return e->rule == NULL || e->unknown_type.n > 0;
}

void
plan_add(struct plan *p, const struct plan_call *call)
{
    struct endpoint e;
    struct plan_call one = *call;
    one.n = call->n > 0 ? call->n : 1;
    endpoint_find(call->method, call->path, &e);
    p->n_calls += one.n;
    struct plan_kind **bucket = &p->buckets[hash_of(&e, call) % 1024];
    for (struct plan_kind *k = *bucket; k != NULL; k = k->next) {
        if (!is_same_kind(k, &e, call))
            continue;
        k->example.n += one.n;
        return;
    }
    if (is_of_unknown(&e) && p->n_unknown++ >= PLAN_UNKNOWN_MAX)
        p->n_dropped += one.n;
    else
        add_kind(p, &e, &one, bucket);
}

static unsigned
index_of(const struct catalogue_scope *scope)
{
    return (unsigned)(scope - catalogue_at(0));
}

static uint64_t
cost_of(const struct catalogue_scope *s)
{
    uint64_t cost = COST_ONE + s->tier->edition * COST_EDITION;
    if (str_equal(s->name, STR("oauth")))
        return 0; /* every app has it */
    if (s->class == SCOPE_UNPUBLISHED)
        cost += COST_UNPUBLISHED;
    if (s->access == SCOPE_WRITE || s->access == SCOPE_READ_WRITE)
        cost += COST_CHANGES;
    return cost;
}

static void
add_wish(struct cover *c, const struct plan_kind *k)
{
    struct scope_needs needs;
    endpoint_needs(&k->endpoint, &needs);
    cover_wish(c);
    for (size_t i = 0; i < needs.n; i++) {
        unsigned things[NEEDS_ALL_MAX];
        size_t n = 0;
        for (size_t s = 0; s < needs.any_of[i].n; s++) {
            const struct catalogue_scope *scope =
                catalogue_find(needs.any_of[i].v[s]);
            if (scope != NULL) /* a test holds the tables to that */
                things[n++] = index_of(scope);
        }
        cover_alternative(c, things, n);
    }
}

/* Chooses for one sort of calls; what is chosen already costs nothing. */
static void
choose(struct plan *p, bool is_optional, bool *chosen)
{
    struct cover *c = cover_new(p->arena);
    for (size_t i = 0; i < catalogue_count(); i++)
        cover_cost(c, (unsigned)i, chosen[i] ? 0 : cost_of(catalogue_at(i)));
    for (size_t i = 0; i < p->n_kinds; i++)
        if (p->kinds[i]->example.is_optional == is_optional &&
            p->kinds[i]->endpoint.kind == ENDPOINT_NEEDS_SCOPES)
            add_wish(c, p->kinds[i]);
    cover_solve(c);
    for (size_t i = 0; i < catalogue_count(); i++)
        chosen[i] = cover_has(c, (unsigned)i);
}

static enum plan_place
place_of(const struct catalogue_scope *s, bool is_optional,
         enum hubspot_edition edition)
{
    if (s->class == SCOPE_OF_APP)
        return PLAN_OF_APP;
    if (s->class == SCOPE_UNPUBLISHED)
        return PLAN_UNPUBLISHED;
    if (is_optional)
        return PLAN_OPTIONAL;
    return s->tier->edition > edition ? PLAN_CONDITIONAL : PLAN_REQUIRED;
}

/* The alternative that the choice fulfils, the first of them; NULL: none. */
static const struct scope_all *
met_by(const struct scope_needs *needs, const bool *chosen)
{
    for (size_t i = 0; i < needs->n; i++) {
        bool is_met = true;
        for (size_t s = 0; s < needs->any_of[i].n; s++)
            is_met &= chosen[index_of(catalogue_find(needs->any_of[i].v[s]))];
        if (is_met)
            return &needs->any_of[i];
    }
    return NULL;
}

/* Says for each scope which kinds of call need it. */
static void
tell_kinds(struct plan *p, const bool *chosen)
{
    struct scope_needs needs;
    for (size_t i = 0; i < p->n_kinds; i++) {
        endpoint_needs(&p->kinds[i]->endpoint, &needs);
        const struct scope_all *all = met_by(&needs, chosen);
        for (size_t s = 0; s < p->n_scopes && all != NULL; s++) {
            struct plan_scope *scope = &p->scopes[s];
            for (size_t k = 0; k < all->n; k++)
                if (catalogue_find(all->v[k]) == scope->scope)
                    scope->needed_by[scope->n_needed_by++] = p->kinds[i];
        }
    }
}

void
plan_solve(struct plan *p, enum hubspot_edition edition)
{
    size_t n = catalogue_count();
    bool *chosen = arena_alloc(p->arena, n), *must = arena_alloc(p->arena, n);
    choose(p, false, chosen);
    memcpy(must, chosen, n);
    choose(p, true, chosen);
    p->scopes = arena_alloc(p->arena, n * sizeof(p->scopes[0]));
    for (size_t i = 0; i < n; i++) {
        const struct catalogue_scope *scope = catalogue_at(i);
        if (chosen[i])
            p->scopes[p->n_scopes++] = (struct plan_scope){
                .scope = scope,
                .place = place_of(scope, !must[i], edition),
                .needed_by = arena_alloc(
                    p->arena, (p->n_kinds + 1) * sizeof(struct plan_kind *))};
    }
    tell_kinds(p, chosen);
}

struct strs
plan_names(const struct plan *p, enum plan_place place)
{
    struct strs all = {
        arena_alloc(p->arena, (p->n_scopes + 1) * sizeof(struct str)), 0};
    for (size_t i = 0; i < p->n_scopes; i++)
        if (p->scopes[i].place == place)
            all.v[all.n++] = p->scopes[i].scope->name;
    return all;
}
