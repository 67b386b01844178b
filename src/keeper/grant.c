#include "keeper/grant.h"

#include "base/text.h"
#include "keeper/keeper.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>

#define KEY_ALARM_EVERY_MS 3600000

static const struct field grant_fields[] = {
    FIELD(struct grant, state),
    FIELD(struct grant, is_static),
    FIELD(struct grant, generation),
    FIELD(struct grant, version),
    FIELD(struct grant, connected_at),
    FIELD(struct grant, refreshed_at),
    FIELD(struct grant, expires_at),
    FIELD(struct grant, expires_in),
    FIELD(struct grant, last_used_at),
    FIELD(struct grant, scopes),
    FIELD(struct grant, sealed_refresh),
    FIELD(struct grant, sealed_access),
    FIELD(struct grant, sealed_spare),
    FIELD(struct grant, sealed_ref),
    FIELD(struct grant, sealed_user),
    FIELD(struct grant, lease_owner),
    FIELD(struct grant, lease_fence),
    FIELD(struct grant, lease_until_ms),
    FIELD(struct grant, n_failures),
    FIELD(struct grant, retry_at_ms),
    FIELD(struct grant, last_error),
    FIELD(struct grant, last_error_at),
    FIELD(struct grant, sign_since),
    FIELD(struct grant, refused_at),
    FIELD(struct grant, ending_word),
    FIELD(struct grant, ending_owner),
    FIELD(struct grant, sealed_events),
    FIELD(struct grant, privacy_until_ms),
    FIELD(struct grant, word_at_ms),
    FIELD(struct grant, word_since_ms),
    FIELD(struct grant, word_source),
    FIELD(struct grant, is_word_confirmed),
    FIELD(struct grant, word_due_ms),
    FIELD(struct grant, erase_since_ms),
    FIELD(struct grant, ending_remote),
    FIELD(struct grant, is_end_told),
    FIELD(struct grant, erased.tokens),
    FIELD(struct grant, erased.n_events),
    FIELD(struct grant, erased.n_queued),
    FIELD(struct grant, erased.n_parked),
    FIELD(struct grant, erased.n_notices),
    FIELD(struct grant, erased.n_deletions),
    FIELD(struct grant, erased.n_links),
};
const struct record grant_record = RECORD(grant);

static const struct field data_key_fields[] = {
    FIELD(struct data_key, wrap),
};
const struct record data_key_record = RECORD(data_key);

static const struct field grant_counts_fields[] = {
    FIELD(struct grant_counts, n_active),
    FIELD(struct grant_counts, n_needs_reconnect),
    FIELD(struct grant_counts, n_erasing),
};
const struct record grant_counts_record = RECORD(grant_counts);

struct str
grant_key(struct arena *arena, struct str app, uint64_t portal)
{
    return arena_printf(arena, "%.*s/%" PRIu64, STR_ARG(app), portal);
}

bool
grant_key_parse(struct str key, struct str *out_app, uint64_t *out_portal)
{
    struct str rest = key, app;
    if (!str_cut(&rest, '/', &app) || !str_to_u64(rest, out_portal))
        return false;
    *out_app = app;
    return true;
}

const char *
grant_state_name(uint32_t state)
{
    static const char *const names[] = {"none", "active", "needs_reconnect",
                                        "erasing"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

int64_t
grant_floor_s(const struct grant *g)
{
    int64_t fifth = g->expires_in / 5;
    return fifth < 60 ? fifth : 60;
}

bool
grant_is_fresh(const struct grant *g, int64_t now_s)
{
    return g->is_static || g->expires_at - now_s > grant_floor_s(g);
}

int64_t
grant_due_ms(const struct grant *g, int64_t now_ms, uint32_t random)
{
    if (g->is_static || g->state != GRANT_ACTIVE ||
        g->last_used_at < g->refreshed_at)
        return STORE_NEVER;
    int64_t life_ms = (int64_t)g->expires_in * 1000;
    int64_t at = g->expires_at * 1000 - life_ms / 5 -
                 (int64_t)(random % (uint64_t)(life_ms / 10 + 1));
    return at > now_ms ? at : now_ms;
}

bool
grant_is_leased(const struct grant *g, int64_t now_ms)
{
    return g->lease_owner.n > 0 && g->lease_until_ms > now_ms;
}

bool
grant_load(struct turn *t, struct str app, uint64_t portal, struct grant *out,
           struct data_key *out_key)
{
    struct str key = grant_key(turn_arena(t), app, portal);
    bool has_grant = turn_get(t, STORE_GRANTS, key, &grant_record, out);
    *out_key = (struct data_key){0};
    (void)turn_get(t, STORE_DATA_KEYS, key, &data_key_record,
                   out_key); /* none: grant_open_key says so */
    return has_grant;
}

/* Its callers may ask many times a second: one line an hour, and not for more
 * grants than are remembered. */
static bool
is_alarm_due(struct keeper *k, struct str key)
{
    int64_t now = k->env->mono_ms(k->env);
    uint64_t hash[2];
    struct key_alarm *oldest = &k->key_alarms[0];
    (void)crypto_generichash((uint8_t *)hash, sizeof(hash),
                             (const uint8_t *)key.p, key.n, NULL,
                             0); /* sizes are right */
    for (size_t i = 0; i < KEY_ALARMS; i++) {
        struct key_alarm *a = &k->key_alarms[i];
        if (a->until_ms > now && a->grant == hash[0])
            return false;
        if (a->until_ms < oldest->until_ms)
            oldest = a;
    }
    if (oldest->until_ms > now)
        return false;
    *oldest = (struct key_alarm){hash[0], now + KEY_ALARM_EVERY_MS};
    return true;
}

static enum err
report_unopened(struct turn *t, struct str key, enum err e)
{
    if (!is_alarm_due(turn_keeper(t), key))
        return e;
    if (e == ERR_NOT_FOUND)
        log_error("vault.data_key_gone",
                  "grant=%.*s do=\"connect it again, or restore a backup with "
                  "the keys file that belongs to it\"",
                  STR_ARG(key));
    else
        log_error("vault.wrap_does_not_open",
                  "grant=%.*s err=%s do=\"portkeep masterkey verify\"",
                  STR_ARG(key), err_name(e));
    return e;
}

enum err
grant_open_key(struct turn *t, struct str app, uint64_t portal,
               struct secret **out)
{
    struct keeper *k = turn_keeper(t);
    struct str key = grant_key(turn_arena(t), app, portal);
    struct data_key row;
    struct seal_place place = {
        .app = app, .portal = portal, .kind = STR("wrap"), .row = key};
    if (!turn_get(t, STORE_DATA_KEYS, key, &data_key_record, &row))
        return turn_is_waiting(t) ? ERR_NOT_FOUND
                                  : report_unopened(t, key, ERR_NOT_FOUND);
    enum err e = vault_unwrap(k->vault, turn_tag(t, STORE_DATA_KEYS, key),
                              row.wrap, &place, out);
    return e == ERR_OK ? ERR_OK : report_unopened(t, key, e);
}

enum err
grant_unseal(struct turn *t, const struct secret *key, struct str app,
             uint64_t portal, uint64_t generation, const char *kind,
             struct str sealed, struct hidden *out)
{
    struct buf auto_buf text = {0};
    struct seal_place place = {.app = app,
                               .portal = portal,
                               .generation = generation,
                               .kind = str_from(kind)};
    if (sealed.n == 0) {
        *out = HIDDEN_NONE;
        return ERR_OK;
    }
    buf_init_secret(&text, LIMIT_API_BODY);
    enum err e = vault_unseal(key, &place, sealed, &text);
    if (e == ERR_OK)
        *out = HIDDEN(arena_copy(turn_arena(t), buf_str(&text)));
    else
        log_error("vault.does_not_open", "app=%.*s portal=%" PRIu64 " kind=%s",
                  STR_ARG(app), portal, kind);
    return e;
}

struct str
grant_seal(struct turn *t, const struct secret *key, struct str app,
           uint64_t portal, uint64_t generation, const char *kind,
           struct hidden text)
{
    struct buf auto_buf sealed = {0};
    struct seal_place place = {.app = app,
                               .portal = portal,
                               .generation = generation,
                               .kind = str_from(kind)};
    if (text.s.n == 0)
        return STR_NONE;
    buf_init(&sealed, LIMIT_API_BODY);
    /* Fails only beyond the buffer's limit, and every text has its own. */
    if (vault_seal(key, &place, text, &sealed) != ERR_OK)
        abort();
    return arena_copy(turn_arena(t), buf_str(&sealed));
}

/* A word that was said is looked after whatever else is planned. */
static int64_t
due_with_word(const struct grant *g, int64_t due)
{
    return g->word_since_ms != 0 && g->word_due_ms < due ? g->word_due_ms : due;
}

void
grant_store(struct turn *t, struct str app, uint64_t portal,
            const struct grant *g, int64_t due)
{
    struct str key = grant_key(turn_arena(t), app, portal);
    turn_put(t, STORE_GRANTS, key, &grant_record, g, due_with_word(g, due),
             turn_tag(t, STORE_GRANTS, key));
}

void
grant_store_ref(struct turn *t, struct str app, uint64_t portal,
                const struct grant *g, int64_t due, struct str tag)
{
    struct str key = grant_key(turn_arena(t), app, portal);
    turn_put(t, STORE_GRANTS, key, &grant_record, g, due_with_word(g, due),
             tag);
}

/* Keyed, so that the tag of a guessed ref cannot be computed from outside. */
static struct str
ref_tag(struct turn *t, struct secret *key, struct str app, struct str ref)
{
    struct buf auto_buf tag = {0};
    uint8_t hash[16];
    if (ref.n == 0 || key == NULL)
        return STR_NONE;
    (void)crypto_generichash(hash, sizeof(hash), (const uint8_t *)ref.p, ref.n,
                             secret_bytes(key),
                             secret_len(key)); /* sizes are right */
    buf_init(&tag, LIMIT_APP + 64);
    buf_add(&tag, app);
    buf_add_char(&tag, '/');
    text_add_hex(&tag, str_of((const char *)hash, sizeof(hash)));
    return arena_copy(turn_arena(t), buf_str(&tag));
}

struct str
grant_ref_tag(struct turn *t, struct str app, struct str ref)
{
    return ref_tag(t, turn_keeper(t)->ref_key, app, ref);
}

struct str
grant_old_ref_tag(struct turn *t, struct str app, struct str ref)
{
    return ref_tag(t, turn_keeper(t)->old_ref_key, app, ref);
}

struct str
grant_counts_key(struct arena *arena, struct str app)
{
    return arena_printf(arena, GRANT_COUNTS "%.*s", STR_ARG(app));
}

static struct str
counts_key(struct turn *t, struct str app)
{
    return grant_counts_key(turn_arena(t), app);
}

bool
grant_counts_load(struct turn *t, struct str app, struct grant_counts *out)
{
    if (turn_get(t, STORE_META, counts_key(t, app), &grant_counts_record, out))
        return true;
    *out = (struct grant_counts){0};
    return !turn_is_waiting(t);
}

void
grant_counts_add(struct grant_counts *c, uint32_t state, int by)
{
    uint64_t step = (uint64_t)(int64_t)by; /* minus one wraps, as it should */
    if (state == GRANT_ACTIVE)
        c->n_active += step;
    else if (state == GRANT_NEEDS_RECONNECT)
        c->n_needs_reconnect += step;
    else if (state == GRANT_ERASING)
        c->n_erasing += step;
}

void
grant_count_move(struct turn *t, struct str app, uint32_t from, uint32_t to)
{
    struct grant_counts c;
    if (from == to || !grant_counts_load(t, app, &c))
        return;
    grant_counts_add(&c, from, -1);
    grant_counts_add(&c, to, 1);
    turn_put(t, STORE_META, counts_key(t, app), &grant_counts_record, &c,
             STORE_NEVER, STR_NONE);
}
