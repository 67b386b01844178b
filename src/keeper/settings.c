#include "keeper/settings.h"

#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/delivery.h"
#include "keeper/errands.h"
#include "keeper/keeper.h"
#include "keeper/peers.h"

#include "ipc/fd.h"

/* The node's name is the audit chain's: it stays as it was at birth. */
static void
take_values(struct keeper *k, const struct child *c)
{
    k->public_url = c->settings.public_url;
    k->authorize_url = c->settings.authorize_url;
    k->events_max = c->settings.events_max;
    k->events_keep_ms = (int64_t)c->settings.events_keep_s * 1000;
}

static enum err
open_vault(struct child *c, struct vault **out, struct buf *problem)
{
    int fd = child_take_fd(c, LIFE_FD_MASTER_KEY, STR_NONE);
    if (fd < 0) {
        buf_add_text(problem, "[store] master_key: no key file was given");
        return ERR_CONFIG;
    }
    enum err e = vault_open(fd, out, problem);
    fd_close(&fd);
    return e;
}

enum err
settings_open(struct keeper *k, struct child *c, struct buf *problem)
{
    enum err e = open_vault(c, &k->vault, problem);
    if (e == ERR_OK)
        e = apps_load(c, &k->apps, problem);
    if (e != ERR_OK)
        return e;
    k->lasting = arena_new();
    k->node = arena_copy(k->lasting, c->settings.node);
    take_values(k, c);
    return ERR_OK;
}

/* Without that key, grants or the keeper's own secrets would not open. */
static bool
is_needed(struct keeper *k, struct str id)
{
    uint64_t n = 0;
    bool is_own = true;
    return store_count(k->store, STORE_DATA_KEYS, id, &n) != ERR_OK || n > 0 ||
           keeper_is_sealed_under(k, id, &is_own) != ERR_OK || is_own;
}

static enum err
check_ring(struct keeper *k, const struct vault *ring, struct buf *problem)
{
    for (size_t i = 0; i < vault_n_keys(k->vault); i++) {
        struct str id = vault_key_id(k->vault, i);
        if (vault_has_key(ring, id) || !is_needed(k, id))
            continue;
        buf_addf(problem,
                 "the master key file lacks key %.*s, which is still in use: "
                 "put its line back. portkeep masterkey retire %.*s says when "
                 "it may go",
                 STR_ARG(id), STR_ARG(id));
        return ERR_CONFIG;
    }
    return ERR_OK;
}

struct note {
    struct str kind, outcome, detail;
};
static const struct field note_fields[] = {
    FIELD(struct note, kind),
    FIELD(struct note, outcome),
    FIELD(struct note, detail),
};
static const struct record note_record = RECORD(note);

static enum err
do_note(struct turn *t, const void *ask)
{
    const struct note *n = ask;
    audit_add(t, &(struct audit_entry){.kind = n->kind,
                                       .actor = STR("keeper"),
                                       .outcome = n->outcome,
                                       .detail = n->detail});
    return ERR_OK;
}

static void
note(struct keeper *k, const struct note *n)
{
    if (turns_add(k->turns, do_note, &note_record, n, 0, 0) != ERR_OK)
        keeper_fail(k, "reload.not_recorded"); /* own requests have room */
}

enum err
settings_reload(struct keeper *k, struct child *c, struct buf *problem)
{
    struct vault *ring = NULL;
    struct apps *apps = NULL;
    enum err e = open_vault(c, &ring, problem);
    if (e == ERR_OK)
        e = check_ring(k, ring, problem);
    if (e == ERR_OK)
        e = apps_load(c, &apps, problem);
    if (e != ERR_OK) {
        vault_free(ring);
        return e;
    }
    apps_inherit(apps, k->apps);
    vault_free(k->vault);
    apps_free(k->apps);
    k->vault = ring;
    k->apps = apps;
    take_values(k, c);
    errands_renew_spill_key(k);
    delivery_reload(k);
    keeper_due(k, k->env->now_ms(k->env)); /* what was held back may go */
    note(k, &(struct note){STR("config"), STR("ok"), vault_current(ring)});
    log_info("keeper.reloaded", "master_key=%.*s keys=%zu apps=%zu",
             STR_ARG(vault_current(k->vault)), vault_n_keys(k->vault),
             apps_count(k->apps));
    return ERR_OK;
}

struct wish {
    struct waiter waiter;
};

/* The parent counts the wishes it hears, as they are counted here. */
static void
act_wish(struct keeper *k, void *arg)
{
    const struct wish *w = arg;
    struct reload_wish *free_one = NULL;
    for (size_t i = 0; i < RELOAD_WISHES; i++)
        if (k->wishes[i].number == 0)
            free_one = &k->wishes[i];
    if (free_one == NULL) {
        keeper_answer(k, w->waiter.peer, w->waiter.call, ADMIN_ANSWER,
                      &(struct admin_answer){
                          .err = ERR_UNAVAILABLE,
                          .detail = STR("Many reloads are asked for already: "
                                        "wait for them.")});
        return;
    }
    *free_one = (struct reload_wish){.number = ++k->n_wishes,
                                     .peer = w->waiter.peer,
                                     .call = w->waiter.call};
    if (k->child != NULL)
        child_want_reload(k->child);
}

enum err
do_reload(struct turn *t, const void *ask)
{
    struct wish *w = arena_alloc(turn_arena(t), sizeof(*w));
    uint32_t uid = peers_uid(turn_keeper(t)->peers, turn_peer(t));
    (void)ask;
    w->waiter = answer_waiter(t);
    audit_add(t, &(struct audit_entry){
                     .kind = STR("reload"),
                     .actor = arena_printf(turn_arena(t), "uid:%u", uid),
                     .outcome = STR("asked")});
    turn_after(t, act_wish, w);
    return ERR_OK;
}

static const struct record *
ended_record(void)
{
    return conversation_find(&life_conversation, LIFE_RELOAD_ENDED)->record;
}

static void
act_forget_wishes(struct keeper *k, void *arg)
{
    const struct life_reload_ended *e = arg;
    for (size_t i = 0; i < RELOAD_WISHES; i++)
        if (k->wishes[i].number <= e->n_wishes)
            k->wishes[i].number = 0;
}

static void
answer_wish(struct turn *t, const struct reload_wish *w, struct str problem)
{
    struct waiter to = {w->peer, w->call};
    if (problem.n > 0)
        answer_refusal(
            t, to,
            &(struct refusal_text){.err = ERR_CONFIG, .detail = problem});
    else
        answer_document(t, to, STR("{\"reload\":\"done\"}"));
}

static enum err
do_reload_ended(struct turn *t, const void *ask)
{
    struct keeper *k = turn_keeper(t);
    struct life_reload_ended *e = arena_alloc(turn_arena(t), sizeof(*e));
    *e = *(const struct life_reload_ended *)ask;
    audit_add(t, &(struct audit_entry){
                     .kind = STR("reload"),
                     .actor = STR("keeper"),
                     .outcome = e->problem.n > 0 ? STR("refused") : STR("ok")});
    for (size_t i = 0; i < RELOAD_WISHES; i++)
        if (k->wishes[i].number != 0 && k->wishes[i].number <= e->n_wishes)
            answer_wish(t, &k->wishes[i], e->problem);
    turn_after(t, act_forget_wishes, e);
    return ERR_OK;
}

void
settings_reload_ended(struct keeper *k, const struct life_reload_ended *e)
{
    if (turns_add(k->turns, do_reload_ended, ended_record(), e, 0, 0) != ERR_OK)
        keeper_fail(k, "reload.not_recorded"); /* own requests have room */
}
