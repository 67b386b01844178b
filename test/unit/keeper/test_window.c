/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "keeper/window.c"

/*
 * The window against a queue that is an array: whatever fails and whatever
 * comes back, events of one object leave in order, and none is forgotten.
 */
#define PARCELS 3000
#define PER_PARCEL 3
#define OBJECTS 40
#define FLIGHTS 16
#define PAGE 20

struct fact {
    uint8_t objects[3][OBJECT_HASH];
    size_t n_objects;
    bool is_pending, is_replay, is_poison;
    uint32_t n_attempts;
    int64_t retry_at_ms;
};

struct world {
    struct window window;
    struct fact facts[PARCELS][PER_PARCEL];
    struct item *flights[FLIGHTS];
    size_t n_flights, n_pending, n_sent, n_parcels;
    int64_t now_ms;
    uint64_t random;
};

static uint64_t
pick(struct world *w, uint64_t n)
{
    w->random = w->random * 6364136223846793005u + 1442695040888963407u;
    return (w->random >> 33) % n;
}

static struct fact *
fact_of(struct world *w, const struct item *i)
{
    return &w->facts[i->number - 1][i->index];
}

static struct world *
world_new(uint64_t seed)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->random = seed;
    window_init(&w->window);
    return w;
}

/* One parcel more in the queue; few objects are named often. */
static void
accept(struct world *w, unsigned poison_percent)
{
    struct fact *f = w->facts[w->n_parcels++];
    for (size_t i = 0; i < PER_PARCEL; i++) {
        f[i].n_objects = pick(w, 10) == 0 ? 3 : pick(w, 20) == 0 ? 0 : 1;
        for (size_t k = 0; k < f[i].n_objects; k++)
            f[i].objects[k][0] = (uint8_t)(pick(w, OBJECTS / (1 + k)) + k);
        if (f[i].n_objects == 3) { /* each once */
            f[i].objects[1][1] = 1;
            f[i].objects[2][1] = 2;
        }
        f[i].is_pending = true;
        f[i].is_poison = pick(w, 100) < poison_percent;
        w->n_pending++;
    }
    window_note(&w->window, w->n_parcels);
}

static void
read_page(struct world *w)
{
    size_t n = 0;
    for (uint64_t number = w->window.scan + 1; number <= w->n_parcels;
         number++) {
        bool is_live = false;
        for (uint8_t i = 0; i < PER_PARCEL; i++) {
            struct fact *f = &w->facts[number - 1][i];
            is_live |= f->is_pending;
            if (f->is_pending)
                window_take(&w->window,
                            &(struct sighting){.number = number,
                                               .index = i,
                                               .n_attempts = f->n_attempts,
                                               .retry_at_ms = f->retry_at_ms,
                                               .objects = f->objects[0],
                                               .n_objects = f->n_objects});
        }
        if (!is_live)
            continue;
        if (!window_read_to(&w->window, number) || ++n == PAGE)
            return;
    }
    window_read_all(&w->window);
}

static bool
share_object(const struct fact *a, const struct fact *b)
{
    for (size_t i = 0; i < a->n_objects; i++)
        for (size_t k = 0; k < b->n_objects; k++)
            if (memcmp(a->objects[i], b->objects[k], OBJECT_HASH) == 0)
                return true;
    return false;
}

/* Nothing of its objects that came before is left, but for replays. */
static void
check_order(struct world *w, const struct item *i)
{
    const struct fact *own = fact_of(w, i);
    for (uint64_t number = 1; number <= i->number; number++)
        for (uint8_t k = 0; k < PER_PARCEL; k++) {
            const struct fact *f = &w->facts[number - 1][k];
            bool is_before = number < i->number || k < i->index;
            if (is_before && f->is_pending && !f->is_replay &&
                share_object(f, own))
                fail_msg("%d/%d left before %d/%d", (int)i->number, i->index,
                         (int)number, k);
        }
}

static void
send(struct world *w)
{
    struct item *i = w->window.order.first;
    while (w->n_flights < FLIGHTS && i != NULL) {
        if (i->state == ITEM_READY && window_is_free(i, 0)) {
            if (w->n_sent++ % 7 == 0)
                check_order(w, i);
            i->state = ITEM_SENT;
            w->flights[w->n_flights++] = i;
        }
        i = i->next;
    }
}

static void
land(struct world *w)
{
    size_t n = pick(w, w->n_flights);
    struct item *i = w->flights[n];
    struct fact *f = fact_of(w, i);
    w->flights[n] = w->flights[--w->n_flights];
    bool is_taken = f->is_poison ? f->n_attempts > 20 : pick(w, 10) > 0;
    if (is_taken) {
        f->is_pending = false;
        w->n_pending--;
        window_drop(&w->window, i);
    } else {
        i->n_attempts = ++f->n_attempts;
        f->retry_at_ms = w->now_ms + 1 + (int64_t)pick(w, 200);
        window_postpone(&w->window, i, f->retry_at_ms);
    }
}

static void
replay(struct world *w)
{
    uint64_t number = pick(w, w->n_parcels) + 1;
    struct fact *f = &w->facts[number - 1][pick(w, PER_PARCEL)];
    if (f->is_pending)
        return;
    *f = (struct fact){.n_objects = f->n_objects,
                       .is_pending = true,
                       .is_replay = true,
                       .objects = {{f->objects[0][0], f->objects[0][1]},
                                   {f->objects[1][0], f->objects[1][1]},
                                   {f->objects[2][0], f->objects[2][1]}}};
    w->n_pending++;
    window_note(&w->window, number);
}

static void
step(struct world *w)
{
    w->now_ms++;
    window_wake(&w->window, w->now_ms, false);
    if (window_wants(&w->window))
        read_page(w);
    assert_true(w->window.order.n <= WINDOW_MAX + PER_PARCEL);
    send(w);
    for (int i = 0; i < 8 && w->n_flights > 0; i++)
        land(w);
}

static void
finish(struct world *w)
{
    for (long steps = 0; w->n_pending > 0; steps++) {
        if (steps > 200000)
            fail_msg("%zu events are stuck", w->n_pending);
        step(w);
    }
    assert_int_equal(w->window.order.n, 0);
    assert_int_equal(w->window.retries.n, 0);
    while (window_wants(&w->window))
        read_page(w);
    assert_int_equal(w->window.n_objects, 0);
    window_done(&w->window);
    free(w);
}

static void
a_backlog_leaves_in_order_and_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world *w = world_new(seed);
        for (size_t i = 0; i < PARCELS; i++)
            accept(w, 0);
        finish(w);
    }
}

static void
poisoned_events_hold_up_their_objects_only_until_they_are_taken(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world *w = world_new(seed);
        for (size_t i = 0; i < PARCELS; i++)
            accept(w, 2);
        finish(w);
    }
}

static void
events_and_replays_that_come_meanwhile_leave_too(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct world *w = world_new(seed);
        while (w->n_parcels < PARCELS) {
            for (size_t n = pick(w, 12); n > 0 && w->n_parcels < PARCELS; n--)
                accept(w, 1);
            if (w->n_parcels > 0 && pick(w, 3) == 0)
                replay(w);
            step(w);
        }
        finish(w);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_backlog_leaves_in_order_and_whole),
        cmocka_unit_test(
            poisoned_events_hold_up_their_objects_only_until_they_are_taken),
        cmocka_unit_test(events_and_replays_that_come_meanwhile_leave_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
