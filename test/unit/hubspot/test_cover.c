#include "hubspot/cover.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THINGS 12
#define WISHES_MAX 14
#define ALTERNATIVES_MAX 4

/* One instance, as bits; also for trying every set there is. */
struct instance {
    uint64_t cost[THINGS];
    unsigned wish[WISHES_MAX][ALTERNATIVES_MAX];
    size_t n_alternatives[WISHES_MAX];
    size_t n;
};

static uint64_t seed;

static unsigned
next(unsigned below) /* xorshift: the same on every machine */
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)((seed >> 11) % below);
}

static void
make(struct instance *in)
{
    unsigned n_things = 2 + next(THINGS - 1);
    in->n = next(WISHES_MAX + 1);
    for (size_t i = 0; i < THINGS; i++)
        in->cost[i] = next(8) == 0 ? 0 : 1 + next(next(2) == 0 ? 1 : 5);
    for (size_t i = 0; i < in->n; i++) {
        in->n_alternatives[i] = 1 + next(ALTERNATIVES_MAX);
        for (size_t k = 0; k < in->n_alternatives[i]; k++) {
            in->wish[i][k] = 1U << next(n_things);
            for (unsigned more = next(3); more > 0; more--)
                in->wish[i][k] |= 1U << next(n_things);
        }
    }
}

static bool
fulfils(const struct instance *in, unsigned set)
{
    for (size_t i = 0; i < in->n; i++) {
        bool is_met = false;
        for (size_t k = 0; k < in->n_alternatives[i]; k++)
            is_met |= (in->wish[i][k] & ~set) == 0;
        if (!is_met)
            return false;
    }
    return true;
}

static uint64_t
cost_of(const struct instance *in, unsigned set)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < THINGS; i++)
        sum += (set >> i & 1) != 0 ? in->cost[i] : 0;
    return sum;
}

static uint64_t
least_cost(const struct instance *in)
{
    uint64_t least = UINT64_MAX;
    for (unsigned set = 0; set < 1U << THINGS; set++) {
        uint64_t cost = cost_of(in, set);
        if (cost < least && fulfils(in, set))
            least = cost;
    }
    return least;
}

static unsigned
solve(const struct instance *in)
{
    struct arena *a = arena_new();
    struct cover *c = cover_new(a);
    unsigned set = 0;
    for (unsigned i = 0; i < THINGS; i++)
        cover_cost(c, i, in->cost[i]);
    for (size_t i = 0; i < in->n; i++) {
        cover_wish(c);
        for (size_t k = 0; k < in->n_alternatives[i]; k++) {
            unsigned things[THINGS];
            size_t n = 0;
            for (unsigned t = 0; t < THINGS; t++)
                if ((in->wish[i][k] >> t & 1) != 0)
                    things[n++] = t;
            cover_alternative(c, things, n);
        }
    }
    cover_solve(c);
    for (unsigned i = 0; i < THINGS; i++)
        set |= cover_has(c, i) ? 1U << i : 0;
    arena_free(a);
    return set;
}

static void
costs_as_little_as_the_best_of_all_sets(void **state)
{
    (void)state;
    seed = 88172645463325252U;
    for (size_t i = 0; i < 3000; i++) {
        struct instance in;
        make(&in);
        unsigned set = solve(&in);
        if (!fulfils(&in, set))
            fail_msg("instance %zu is not fulfilled", i);
        if (cost_of(&in, set) != least_cost(&in))
            fail_msg("instance %zu costs %lu, not %lu", i,
                     (unsigned long)cost_of(&in, set),
                     (unsigned long)least_cost(&in));
        assert_int_equal(solve(&in), set); /* the same again */
    }
}

static void
takes_nothing_that_is_not_needed(void **state)
{
    (void)state;
    /* What is free is there, what nothing wants is not. */
    struct instance in = {.cost = {1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                          .wish = {{1 | 2, 8}, {16, 8}, {4, 32}},
                          .n_alternatives = {2, 2, 2},
                          .n = 3};
    assert_int_equal(solve(&in), 4 | 8);
}

static void
leans_to_what_is_named_first(void **state)
{
    (void)state;
    struct instance in = {.cost = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1},
                          .wish = {{4, 1}, {2, 8, 1024}},
                          .n_alternatives = {2, 3},
                          .n = 2};
    assert_int_equal(solve(&in), 4 | 2);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(costs_as_little_as_the_best_of_all_sets),
        cmocka_unit_test(takes_nothing_that_is_not_needed),
        cmocka_unit_test(leans_to_what_is_named_first),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
