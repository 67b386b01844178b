#include "keeper/keeper.h"

#include "ipc/channel.h"
#include "keeper/install.h"
#include "keeper/peers.h"
#include "keeper/seal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

struct ref_key {
    struct str sealed;
};
static const struct field ref_key_fields[] = {
    FIELD(struct ref_key, sealed),
};
static const struct record ref_key_record = RECORD(ref_key);

struct ref_key_text {
    struct hidden bytes;
    struct hidden old; /* what tags may still be of; see keeper_renew_refs */
};
static const struct field ref_key_text_fields[] = {
    FIELD(struct ref_key_text, bytes),
    FIELD(struct ref_key_text, old),
};
static const struct record ref_key_text_record = RECORD(ref_key_text);

#define REF_KEY_ROW STR("ref-key")
#define REF_KEY_BYTES 32
#define SCRUB_AGAIN_MS 1000

void
keeper_fail(struct keeper *k, const char *event)
{
    if (k->has_failed)
        return;
    log_error(event, "do=\"the keeper stops; what was answered is on disk\"");
    k->has_failed = true;
    if (k->child != NULL)
        child_exit(k->child, 1);
}

void
keeper_scrub(struct keeper *k)
{
    enum err e = store_scrub(k->store);
    bool was_waiting = k->needs_scrub;
    k->needs_scrub = e == ERR_UNAVAILABLE || e == ERR_LIMIT;
    k->scrub_at_ms = k->env->mono_ms(k->env) + SCRUB_AGAIN_MS;
    if (k->needs_scrub && k->backup != NULL)
        log_info("store.scrub_waits", "why=\"a backup is being made\"");
    else if (k->needs_scrub && !was_waiting)
        log_warn("store.scrub_waits",
                 "err=%s do=\"end the program that reads "
                 "the database, or make room on its "
                 "disk\"",
                 err_name(e));
    else if (!k->needs_scrub && e != ERR_OK)
        keeper_fail(k, "store.scrub_failed");
}

void
keeper_due(struct keeper *k, int64_t due_ms)
{
    if (due_ms < k->next_due_ms)
        k->next_due_ms = due_ms;
}

void
keeper_answer(struct keeper *k, uint64_t peer, uint32_t call, uint16_t type,
              const void *body)
{
    struct channel *ch =
        k->peers != NULL ? peers_channel(k->peers, peer) : NULL;
    if (ch != NULL)
        channel_reply(ch, call, type, body);
}

struct str
keeper_owner(struct turn *t)
{
    const struct keeper *k = turn_keeper(t);
    return arena_printf(turn_arena(t), "%.*s#%016" PRIx64, STR_ARG(k->node),
                        k->birth);
}

bool
keeper_owner_lives(struct turn *t, struct str owner)
{
    struct str rest = owner, node;
    return str_cut(&rest, '#', &node) &&
           (!str_equal(node, turn_keeper(t)->node) ||
            str_equal(owner, keeper_owner(t)));
}

static void
put_ref_keys(struct turn *t, const struct ref_key_text *keys)
{
    struct ref_key row = {
        seal_record(t, "ref", REF_KEY_ROW, &ref_key_text_record, keys)};
    turn_put(t, STORE_META, REF_KEY_ROW, &ref_key_record, &row, STORE_NEVER,
             STR_NONE);
}

static struct secret *
keep_secret(struct hidden key)
{
    struct secret *s = key.s.n > 0 ? secret_new(key) : NULL;
    if (s == NULL && key.s.n > 0)
        abort(); /* the slab has room for thousands */
    return s;
}

/* One that is not on disk serves nobody: its refs would not be found again. */
static void
act_use_ref_keys(struct keeper *k, void *arg)
{
    const struct ref_key_text *keys = arg;
    secret_free(k->ref_key);
    secret_free(k->old_ref_key);
    k->ref_key = keep_secret(keys->bytes);
    k->old_ref_key = keep_secret(keys->old);
}

static void
use_ref_keys(struct turn *t, const struct ref_key_text *keys)
{
    struct ref_key_text *copy = arena_alloc(turn_arena(t), sizeof(*copy));
    record_copy(&ref_key_text_record, keys, turn_arena(t), copy);
    turn_after(t, act_use_ref_keys, copy);
}

static bool
has_bytes(int fd)
{
    struct stat st;
    return fd >= 0 && fstat(fd, &st) == 0 && st.st_size > 0;
}

/* What a service leaves outside of its database: NULL if there is nothing. */
static const char *
sign_of_another(const struct keeper *k)
{
    if (has_bytes(k->erasures_fd))
        return "the erasure list names grants";
    if (has_bytes(k->spill_fd))
        return "replies of HubSpot wait to be stored";
    return vault_n_keys(k->vault) > 1 ? "the master key was rotated" : NULL;
}

/* A database that has vanished, or was emptied, looks like a first start. */
static void
say_new(struct turn *t)
{
    const char *sign = sign_of_another(turn_keeper(t));
    if (sign == NULL)
        turn_log(t, LOG_INFO, "store.new",
                 "master_key=%.*s do=\"nothing on a first start; else stop, "
                 "and bring the database back\"",
                 STR_ARG(vault_current(turn_keeper(t)->vault)));
    else
        turn_log(t, LOG_ERROR, "store.new",
                 "sign=\"%s\" do=\"there was a database before and it is "
                 "gone, this one is new and empty: stop, and bring it back or "
                 "restore a backup\"",
                 sign);
}

static void
make_ref_key(struct turn *t, struct hidden old)
{
    struct env *env = turn_keeper(t)->env;
    char bytes[REF_KEY_BYTES];
    auto_wipe(bytes);
    env->random(env, bytes, sizeof(bytes));
    struct ref_key_text keys = {HIDDEN(str_of(bytes, sizeof(bytes))), old};
    put_ref_keys(t, &keys);
    use_ref_keys(t, &keys);
}

enum err
do_first_turn(struct turn *t, const void *ask)
{
    struct ref_key row;
    struct ref_key_text text;
    (void)ask;
    bool is_there = turn_get(t, STORE_META, REF_KEY_ROW, &ref_key_record, &row);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there) {
        make_ref_key(t, HIDDEN_NONE);
        say_new(t);
    } else if (seal_open(t, "ref", REF_KEY_ROW, &ref_key_text_record,
                         row.sealed, &text) == ERR_OK) {
        use_ref_keys(t, &text);
    } else {
        log_error("vault.wrong_master_key",
                  "wanted=%s do=\"give the master key file that this database "
                  "was made with\"",
                  log_quote(seal_key_id(row.sealed)));
    }
    return ERR_OK;
}

bool
keeper_is_resealed(struct turn *t)
{
    struct ref_key row;
    if (!turn_get(t, STORE_META, REF_KEY_ROW, &ref_key_record, &row))
        return false;
    return str_equal(seal_key_id(row.sealed),
                     vault_current(turn_keeper(t)->vault));
}

void
keeper_reseal(struct turn *t)
{
    struct keeper *k = turn_keeper(t);
    struct ref_key_text keys = {.bytes = secret_view(k->ref_key)};
    if (k->old_ref_key != NULL)
        keys.old = secret_view(k->old_ref_key);
    put_ref_keys(t, &keys);
}

void
keeper_renew_refs(struct turn *t)
{
    make_ref_key(t, secret_view(turn_keeper(t)->ref_key));
}

void
keeper_end_old_refs(struct turn *t)
{
    struct ref_key_text keys = {.bytes = secret_view(turn_keeper(t)->ref_key)};
    put_ref_keys(t, &keys);
    use_ref_keys(t, &keys);
}

enum err
keeper_is_sealed_under(struct keeper *k, struct str key_id, bool *out)
{
    struct arena *arena = arena_new();
    struct store_ask ask = {.table = STORE_META, .key = REF_KEY_ROW};
    struct ref_key row;
    enum err e = store_load(k->store, &ask, 1, arena);
    if (e == ERR_OK)
        *out = ask.rows[0].version != 0 &&
               record_decode_old(&ref_key_record, ask.rows[0].body, arena,
                                 &row) == ERR_OK &&
               str_equal(seal_key_id(row.sealed), key_id);
    arena_free(arena);
    return e;
}
