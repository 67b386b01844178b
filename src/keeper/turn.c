#include "keeper/turn_int.h"

#include "keeper/keeper.h"

#include <assert.h>
#include <stdio.h>

/* What a handler may use of its turn: see turns.c for how turns run. */

#define LOG_LINE 512

struct keeper *
turn_keeper(struct turn *t)
{
    return t->all->keeper;
}

struct arena *
turn_arena(struct turn *t)
{
    return t->arena;
}

int64_t
turn_now_ms(struct turn *t)
{
    return t->now_ms;
}

int64_t
turn_now_s(struct turn *t)
{
    return t->now_ms / 1000;
}

bool
turn_is_waiting(struct turn *t)
{
    return t->is_waiting;
}

bool
turn_is_late(struct turn *t)
{
    return t->running->arrived_ms <= t->all->late_before;
}

bool
turn_was_parked(struct turn *t)
{
    return t->running->parked_on.n > 0;
}

uint64_t
turn_peer(struct turn *t)
{
    return t->running->peer;
}

uint32_t
turn_call(struct turn *t)
{
    return t->running->call;
}

void
turn_own(struct turn *t, struct secret *s)
{
    struct owned *o = arena_alloc(t->arena, sizeof(*o));
    o->secret = s;
    o->next = t->owned;
    t->owned = o;
}

void **
turn_memo(struct turn *t)
{
    return &t->running->memo;
}

struct arena *
turn_lasting(struct turn *t)
{
    return t->running->arena;
}

void *
turn_recall(struct turn *t, struct str name)
{
    struct recalled *r = t->recalled;
    while (r != NULL && !str_equal(r->name, name))
        r = r->next;
    return r != NULL ? r->what : NULL;
}

void
turn_remember(struct turn *t, struct str name, void *what)
{
    struct recalled *r = arena_alloc(t->arena, sizeof(*r));
    *r = (struct recalled){
        .next = t->recalled, .name = arena_copy(t->arena, name), .what = what};
    t->recalled = r;
}

bool
turn_get(struct turn *t, enum store_table table, struct str key,
         const struct record *record, void *out)
{
    const struct store_row *row = rows_get(t->rows, table, key);
    if (row == NULL) {
        t->is_waiting = true;
        return false;
    }
    if (row->version == 0)
        return false;
    if (record_decode_old(record, row->body, t->arena, out) == ERR_OK)
        return true;
    log_error("store.bad_row", "table=%d key=%s", (int)table, log_quote(key));
    return false;
}

bool
turn_has_row(struct turn *t, enum store_table table, struct str key)
{
    return rows_get(t->rows, table, key) != NULL;
}

int64_t
turn_due(struct turn *t, enum store_table table, struct str key)
{
    const struct store_row *row = rows_get(t->rows, table, key);
    return row == NULL ? STORE_NEVER : row->due;
}

struct str
turn_tag(struct turn *t, enum store_table table, struct str key)
{
    const struct store_row *row = rows_get(t->rows, table, key);
    return row == NULL ? STR_NONE : row->tag;
}

const struct store_ask *
turn_find(struct turn *t, const struct store_ask *ask)
{
    const struct store_ask *found = rows_find(t->rows, ask);
    if (found == NULL)
        t->is_waiting = true;
    return found;
}

void
turn_put(struct turn *t, enum store_table table, struct str key,
         const struct record *record, const void *from, int64_t due,
         struct str tag)
{
    struct buf auto_buf body = {0};
    buf_init_secret(&body, LIMIT_FRAME);
    record_encode(record, from, &body);
    assert(buf_err(&body) == ERR_OK); /* every field has its own limit */
    rows_put(t->rows, table, key, arena_copy(t->arena, buf_str(&body)), due,
             tag);
    if (due != STORE_NEVER)
        keeper_due(t->all->keeper, due);
}

void
turn_delete(struct turn *t, enum store_table table, struct str key)
{
    rows_delete(t->rows, table, key);
}

static struct effect *
add_effect(struct turn *t, enum effect_kind kind)
{
    struct effect *f = arena_alloc(t->arena, sizeof(*f));
    f->kind = kind;
    *t->effects_end = f;
    t->effects_end = &f->next;
    return f;
}

void
turn_scrub(struct turn *t)
{
    t->wants_scrub = true;
}

void
turn_answer_to(struct turn *t, uint64_t peer, uint32_t call, uint16_t type,
               const void *body, const struct record *record)
{
    if (peer == 0)
        return;
    struct effect *f = add_effect(t, EFFECT_ANSWER);
    void *copy = arena_alloc(t->arena, record->size + 1);
    record_copy(record, body, t->arena, copy);
    f->peer = peer;
    f->call = call;
    f->type = type;
    f->body = copy;
}

void
turn_answer(struct turn *t, uint16_t type, const void *body,
            const struct record *record)
{
    turn_answer_to(t, t->running->peer, t->running->call, type, body, record);
}

void
turn_park_noting(struct turn *t, struct str on, uint64_t note)
{
    struct effect *f = add_effect(t, EFFECT_PARK);
    f->on = arena_copy(t->arena, on);
    f->request = t->running;
    f->note = note;
}

void
turn_park(struct turn *t, struct str on)
{
    turn_park_noting(t, on, t->running->note);
}

uint64_t
turn_note(struct turn *t)
{
    return t->running->note;
}

void
turn_wake(struct turn *t, struct str on)
{
    add_effect(t, EFFECT_WAKE)->on = arena_copy(t->arena, on);
}

void
turn_after(struct turn *t, void (*act)(struct keeper *k, void *arg), void *arg)
{
    struct effect *f = add_effect(t, EFFECT_ACT);
    f->act = act;
    f->arg = arg;
}

struct log_line {
    enum log_level level;
    const char *event;
    char *text;
};

static void
act_log(struct keeper *k, void *arg)
{
    const struct log_line *line = arg;
    (void)k;
    log_write(line->level, line->event, "%s", line->text);
}

void
turn_log(struct turn *t, enum log_level level, const char *event,
         const char *format, ...)
{
    struct log_line *line = arena_alloc(t->arena, sizeof(*line));
    va_list args;
    *line = (struct log_line){level, event, arena_alloc(t->arena, LOG_LINE)};
    va_start(args, format);
    (void)vsnprintf(line->text, LOG_LINE, format, args); /* cut, if need be */
    va_end(args);
    turn_after(t, act_log, line);
}

static void
act_count(struct keeper *k, void *arg)
{
    (void)k;
    ++*(uint64_t *)arg;
}

void
turn_count(struct turn *t, uint64_t *counter)
{
    turn_after(t, act_count, counter);
}

struct follow {
    turn_handler handler;
    const struct record *record;
    const void *ask;
};

static void
act_follow(struct keeper *k, void *arg)
{
    struct follow *f = arg;
    if (turns_add(k->turns, f->handler, f->record, f->ask, 0, 0) != ERR_OK)
        log_error("turn.overflow", "waiting=%zu", turns_n_waiting(k->turns));
}

void
turn_follow(struct turn *t, turn_handler handler, const struct record *record,
            const void *ask)
{
    struct follow *f = arena_alloc(t->arena, sizeof(*f));
    void *copy = arena_alloc(t->arena, record->size + 1);
    record_copy(record, ask, t->arena, copy);
    *f = (struct follow){handler, record, copy};
    turn_after(t, act_follow, f);
}
