#include "keeper/admin.h"
#include "keeper/audit.h"
#include "keeper/backup.h"
#include "keeper/delivery.h"
#include "keeper/errands.h"
#include "keeper/event_list.h"
#include "keeper/install.h"
#include "keeper/journal.h"
#include "keeper/keeper.h"
#include "keeper/parking.h"
#include "keeper/peers.h"
#include "keeper/restore.h"
#include "keeper/schedule.h"
#include "keeper/settings.h"

#include "ipc/fd.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/*
 * The keeper's birth and death.  It holds the keys, so it has the smallest
 * surface: channels to its siblings, one directory, no socket, no HTTP.
 */

#define N_SECRETS 4096

static struct keeper keeper = {.spill_fd = -1, .erasures_fd = -1};
static struct event *on_drained;

/* store_path is in the child's arena, with a NUL behind it. */
static enum err
open_all(struct keeper *k, struct child *c, struct buf *problem)
{
    enum err e = settings_open(k, c, problem);
    if (e == ERR_OK)
        e = store_open(c->settings.store_path.p, &k->store, problem);
    if (e != ERR_OK)
        return e;
    k->audit = audit_new(k);
    k->turns = turns_new(k, k->store);
    k->errands = errands_new(k);
    k->delivery = delivery_new(k);
    k->peers = peers_new(k);
    e = audit_resume(k->audit);
    if (e != ERR_OK)
        buf_add_text(problem, "the audit log in the database cannot be read");
    return e;
}

static enum err
first_turn(struct keeper *k, struct buf *problem)
{
    if (turns_add(k->turns, do_first_turn, NULL, NULL, 0, 0) != ERR_OK)
        return ERR_LIMIT;
    turns_run(k->turns);
    if (k->ref_key != NULL && !k->has_failed)
        return ERR_OK;
    bool cannot_write = k->has_failed || turns_n_waiting(k->turns) > 0;
    buf_add_text(problem,
                 cannot_write
                     ? "the database cannot be written: is the disk full or "
                       "the file read-only?"
                     : "the master key does not open this database: it was "
                       "made with another key. Give the key file that belongs "
                       "to it ([store] master_key)");
    return ERR_CRYPTO;
}

static enum err
start(struct child *c, struct buf *problem)
{
    struct keeper *k = &keeper;
    k->base = c->base;
    k->env = env_real();
    k->child = c;
    k->started_at = k->env->now_ms(k->env);
    k->spill_fd = child_take_fd(c, LIFE_FD_SPILL, STR_NONE);
    k->erasures_fd = child_take_fd(c, LIFE_FD_ERASURES, STR_NONE);
    enum err e = open_all(k, c, problem);
    if (e == ERR_OK)
        e = first_turn(k, problem);
    if (e == ERR_OK)
        e = errands_read_spill(k, problem);
    if (e == ERR_OK)
        e = turns_add(k->turns, do_note_restore, NULL, NULL, 0, 0);
    if (e == ERR_OK)
        e = turns_add(k->turns, do_note_start, NULL, NULL, 0, 0);
    if (e == ERR_OK)
        e = turns_add(k->turns, do_resume_attempts, NULL, NULL, 0, 0);
    if (e == ERR_OK)
        e = turns_add(k->turns, do_parking_resume, NULL, NULL, 0, 0);
    if (e == ERR_OK)
        e = turns_add(k->turns, do_journals_start, NULL, NULL, 0, 0);
    if (e == ERR_OK)
        e = turns_add(k->turns, do_backup_left, NULL, NULL, 0, 0);
    return e;
}

static enum err
confine(const struct child *c, struct sandbox_result *out, struct buf *problem)
{
    return sandbox_keeper(c->settings.data_dir.p, out, problem);
}

static void
run(struct child *c)
{
    for (size_t i = 0; i < c->n_fds; i++) {
        struct child_fd *f = &c->fds[i];
        if (f->fd < 0 || f->what.kind != LIFE_FD_PEER)
            continue;
        peers_add(keeper.peers, (enum life_peer)f->what.peer, f->what.peer_uid,
                  f->fd);
        f->fd = -1;
    }
    schedule_start(&keeper);
    log_info("keeper.ready", "master_key=%.*s keys=%zu",
             STR_ARG(vault_current(keeper.vault)), vault_n_keys(keeper.vault));
}

static void
on_descriptor(struct child *c, const struct life_descriptor *what, int fd)
{
    (void)c;
    if (what->kind == LIFE_FD_PEER)
        peers_note_deaths(keeper.peers, what);
    if (what->kind == LIFE_FD_PEER && what->peer >= LIFE_PEER_FRONT &&
        what->peer <= LIFE_PEER_DELIVER)
        peers_add(keeper.peers, (enum life_peer)what->peer, what->peer_uid, fd);
    else
        fd_close(&fd);
}

static enum err
reload(struct child *c, struct buf *problem)
{
    enum err e = settings_reload(&keeper, c, problem);
    if (e == ERR_OK)
        e = turns_add(keeper.turns, do_journals_start, NULL, NULL, 0, 0);
    return e;
}

static void
on_reload_ended(struct child *c, const struct life_reload_ended *ended)
{
    (void)c;
    settings_reload_ended(&keeper, ended);
}

/* Children are replaced after a reload; settings of ours just change. */
static void
end(struct keeper *k, int status)
{
    schedule_stop(k);
    audit_log_head(k->audit);
    child_exit(k->child, status);
}

static void
look_drained(evutil_socket_t fd, short what, void *arg)
{
    struct keeper *k = arg;
    (void)fd;
    (void)what;
    if (errands_n_running(k->errands) == 0 && turns_n_waiting(k->turns) == 0 &&
        delivery_n_flights(k) == 0)
        end(k, 0);
}

static void
drain(struct child *c, bool is_brief)
{
    struct timeval often = {.tv_usec = 20000};
    struct keeper *k = &keeper;
    if (is_brief) {
        end(k, 0);
        return;
    }
    if (on_drained != NULL)
        return;
    event_list_drain(k);
    on_drained = event_new(c->base, -1, EV_PERSIST, look_drained, k);
    if (on_drained == NULL || event_add(on_drained, &often) != 0)
        end(k, 0);
}

static const struct child_role role = {
    .name = "keeper",
    .n_secrets = N_SECRETS,
    .start = start,
    .confine = confine,
    .run = run,
    .reload = reload,
    .on_reload_ended = on_reload_ended,
    .on_descriptor = on_descriptor,
    .drain = drain,
};

int
main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--restore") == 0)
        return restore_main(argc, argv);
    int status = child_main(&role);
    backup_stop(&keeper);
    store_close(keeper.store);
    return status;
}
