#include "keeper/keeper.h"

#include "ipc/channel.h"
#include "keeper/install.h"
#include "keeper/peers.h"
#include "keeper/seal.h"

#include <stdlib.h>

struct ref_key {
    struct str sealed;
};
static const struct field ref_key_fields[] = {
    FIELD(struct ref_key, sealed),
};
static const struct record ref_key_record = RECORD(ref_key);

struct ref_key_text {
    struct hidden bytes;
};
static const struct field ref_key_text_fields[] = {
    FIELD(struct ref_key_text, bytes),
};
static const struct record ref_key_text_record = RECORD(ref_key_text);

#define REF_KEY_ROW STR("ref-key")
#define REF_KEY_BYTES 32

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
    k->needs_scrub = e == ERR_UNAVAILABLE;
    if (k->needs_scrub)
        log_warn("store.scrub_waits", "do=\"end the program that reads the "
                                      "database\"");
    else if (e != ERR_OK)
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

static void
put_ref_key(struct turn *t)
{
    struct keeper *k = turn_keeper(t);
    struct ref_key_text text = {secret_view(k->ref_key)};
    struct ref_key row = {
        seal_record(t, "ref", REF_KEY_ROW, &ref_key_text_record, &text)};
    turn_put(t, STORE_META, REF_KEY_ROW, &ref_key_record, &row, STORE_NEVER,
             STR_NONE);
}

static void
make_ref_key(struct turn *t)
{
    struct keeper *k = turn_keeper(t);
    k->ref_key = secret_new_empty(REF_KEY_BYTES);
    if (k->ref_key == NULL)
        abort(); /* the slab is new and empty */
    k->env->random(k->env, secret_bytes(k->ref_key), REF_KEY_BYTES);
    put_ref_key(t);
}

enum err
do_first_turn(struct turn *t, const void *ask)
{
    struct keeper *k = turn_keeper(t);
    struct ref_key row;
    struct ref_key_text text;
    (void)ask;
    bool is_there = turn_get(t, STORE_META, REF_KEY_ROW, &ref_key_record, &row);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there) {
        make_ref_key(t);
    } else if (seal_open(t, "ref", REF_KEY_ROW, &ref_key_text_record,
                         row.sealed, &text) == ERR_OK) {
        k->ref_key = secret_new(text.bytes);
    } else {
        struct str id = seal_key_id(row.sealed);
        log_error("vault.wrong_master_key",
                  "wanted=%s do=\"give the master key file that this database "
                  "was made with\"",
                  log_quote(id));
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
    put_ref_key(t);
}
