#define _GNU_SOURCE
#include "stage.h"

#include "courier/spill.h"
#include "ipc/channel.h"
#include "ipc/fd.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/delivery.h"
#include "keeper/errands.h"
#include "keeper/install.h"
#include "keeper/parking.h"
#include "keeper/peers.h"
#include "keeper/schedule.h"
#include "keeper/settings.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct held_errand {
    struct held_errand *next; /* oldest first */
    uint32_t id;
    struct courier_errand ask; /* in the stage's arena */
};

#define KEYS "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"

/* The environment finds its stage here: one stage at a time. */
static struct stage *current;

static int64_t
stage_wall(struct env *env)
{
    (void)env;
    return current->now_ms + current->wall_ms;
}

int64_t
stage_now_ms(void)
{
    return stage_wall(NULL);
}

static int64_t
stage_mono(struct env *env)
{
    (void)env;
    return current->now_ms;
}

/* A small generator: the same seed, the same run. */
static void
stage_random(struct env *env, void *out, size_t n)
{
    uint8_t *p = out;
    (void)env;
    while (n-- > 0) {
        current->random_state =
            current->random_state * 6364136223846793005u + 1442695040888963407u;
        *p++ = (uint8_t)(current->random_state >> 56);
    }
}

static struct env stage_env = {stage_wall, stage_mono, stage_random};

bool
stage_brings_tokens(uint32_t kind)
{
    return kind == ERRAND_EXCHANGE || kind == ERRAND_REFRESH;
}

static void
give_tokens(struct stage *s, struct courier_done *d, struct arena *a)
{
    s->n_tokens++;
    d->access_token = HIDDEN(arena_printf(a, "access-%u", s->n_tokens));
    if (!s->answer[d->kind].has_no_refresh_token)
        d->refresh_token = HIDDEN(arena_printf(a, "refresh-%u", s->n_tokens));
    d->expires_in = s->expires_in;
}

static struct courier_done
answer_of(struct stage *s, const struct courier_errand *ask, struct arena *a)
{
    uint32_t kind = ask->kind;
    const struct stage_answer *how = &s->answer[kind];
    struct courier_done d = {.kind = kind,
                             .outcome = OUTCOME_OK,
                             .http_status = 200,
                             .retry_after_s = how->retry_after_s};
    if (how->outcome != 0) {
        d.outcome = how->outcome;
        d.http_status = how->http_status;
        d.status = str_from(how->status != NULL ? how->status : "PLAYED");
        return d;
    }
    d.hub_id = ask->portal != 0 ? ask->portal : s->hub_id;
    d.scopes = arena_split(a, str_from(s->scopes), ' ');
    d.has_scopes = true;
    if (stage_brings_tokens(kind))
        give_tokens(s, &d, a);
    if (kind == ERRAND_APP_TOKEN) {
        d.access_token = HIDDEN(STR("the-app's-own"));
        d.expires_in = 1800;
    }
    if (kind == ERRAND_INTROSPECT) {
        d.client_id = STR("client-1");
        d.user_id = 77;
    }
    return d;
}

/* As the courier keeps each reply with tokens for a while. */
void
stage_keep(struct stage *s, const struct courier_errand *ask,
           const struct courier_done *d)
{
    if (!stage_brings_tokens(ask->kind))
        return;
    struct buf auto_buf plain = {0};
    buf_init_secret(&plain, LIMIT_FRAME);
    record_encode(&courier_done_record, d, &plain);
    struct spill_entry entry = {.app = ask->app,
                                .portal = ask->portal,
                                .version = ask->version,
                                .kind = ask->kind,
                                .context = ask->context,
                                .at_ms = stage_wall(NULL),
                                .done = HIDDEN(buf_str(&plain))};
    spill_keep(s->spill, &entry);
}

void
stage_reply(struct stage *s, uint32_t id, const struct courier_errand *ask,
            const struct courier_done *done)
{
    stage_keep(s, ask, done);
    channel_reply(s->courier, id, COURIER_DONE, done);
}

static void
answer_errand(struct stage *s, uint32_t id, const struct courier_errand *ask)
{
    struct arena *a = arena_new();
    struct courier_done d = answer_of(s, ask, a);
    stage_reply(s, id, ask, &d);
    arena_free(a);
}

static void
hold(struct stage *s, const struct incoming *in)
{
    struct held_errand **end = &s->held;
    struct held_errand *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    while (*end != NULL)
        end = &(*end)->next;
    h->id = in->id;
    record_copy(in->message->record, in->body, s->arena, &h->ask);
    *end = h;
}

static void
on_courier(const struct incoming *in, void *arg)
{
    struct stage *s = arg;
    if (in->message->type == COURIER_SPILL_KEY) {
        const struct courier_spill_key *key = in->body;
        assert_int_equal(spill_set_key(s->spill, key->public_key), ERR_OK);
        return;
    }
    if (in->message->type == COURIER_HOLD) {
        const struct courier_hold *h = in->body;
        spill_hold(s->spill, h->for_ms);
        return;
    }
    if (in->message->type == COURIER_JOURNAL ||
        in->message->type == COURIER_PIECE) {
        assert_non_null(s->on_journal);
        s->on_journal(in, s);
        return;
    }
    const struct courier_errand *e = in->body;
    struct str token = e->kind == ERRAND_EXCHANGE ? e->code.s : e->token.s;
    (void)snprintf(s->sent[e->kind], sizeof(s->sent[0]), "%.*s",
                   STR_ARG(token));
    s->n_errands[e->kind]++;
    if (s->on_errand != NULL)
        s->on_errand(s, in->id, e, s->on_errand_arg);
    else if (s->holds_errands)
        hold(s, in);
    else
        answer_errand(s, in->id, e);
}

void
stage_release_one(struct stage *s, enum errand_kind kind)
{
    struct held_errand **at = &s->held;
    while (*at != NULL && (*at)->ask.kind != kind)
        at = &(*at)->next;
    assert_non_null(*at);
    struct held_errand *h = *at;
    *at = h->next;
    answer_errand(s, h->id, &h->ask);
    free(h);
    stage_settle(s);
}

void
stage_release(struct stage *s)
{
    s->holds_errands = false;
    while (s->held != NULL)
        stage_release_one(s, (enum errand_kind)s->held->ask.kind);
}

size_t
stage_n_held(const struct stage *s)
{
    size_t n = 0;
    for (const struct held_errand *h = s->held; h != NULL; h = h->next)
        n++;
    return n;
}

void
stage_spill(struct stage *s)
{
    while (s->held != NULL) {
        struct held_errand *h = s->held;
        struct arena *a = arena_new();
        s->held = h->next;
        if (stage_brings_tokens(h->ask.kind)) {
            struct courier_done d = answer_of(s, &h->ask, a);
            stage_keep(s, &h->ask, &d);
        }
        arena_free(a);
        free(h);
    }
}

static void
on_event(const struct incoming *in, void *arg)
{
    struct stage *s = arg;
    const struct relay_revoked *revoked = in->body;
    s->n_beats += in->message->type == RELAY_BEAT;
    if (in->message->type != RELAY_REVOKED)
        return;
    s->n_revoked++;
    s->n_replaced += revoked->is_replaced;
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    (void)ch;
    (void)reason;
    (void)arg;
}

static struct channel *
add_peer(struct stage *s, enum life_peer kind, const struct conversation *c)
{
    static const struct channel_handler courier = {on_courier, on_close};
    static const struct channel_handler deliver = {stage_on_deliver, on_close};
    static const struct channel_handler other = {on_event, on_close};
    int pair[2];
    assert_int_equal(fd_pair(pair), ERR_OK);
    struct channel *ch = channel_new(s->base, pair[1], c,
                                     kind == LIFE_PEER_COURIER   ? &courier
                                     : kind == LIFE_PEER_DELIVER ? &deliver
                                                                 : &other,
                                     s);
    peers_add(s->keeper.peers, kind, 0, pair[0]);
    return ch;
}

void
stage_lose_relay(struct stage *s)
{
    channel_free(s->relay);
    stage_settle(s);
    s->relay = add_peer(s, LIFE_PEER_RELAY, &relay_conversation);
    stage_settle(s);
}

void
stage_lose_courier(struct stage *s)
{
    channel_free(s->courier);
    stage_settle(s);
    s->courier = add_peer(s, LIFE_PEER_COURIER, &courier_conversation);
    stage_settle(s);
}

void
stage_lose_deliver(struct stage *s)
{
    channel_free(s->deliver);
    for (size_t i = 0; i < s->target.n; i++)
        s->target.posts[i].is_open = false;
    stage_settle(s);
    s->deliver = add_peer(s, LIFE_PEER_DELIVER, &courier_conversation);
    stage_settle(s);
}

static int
memory_file(const char *text)
{
    int fd = memfd_create("stage", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    return fd;
}

/* Another descriptor of the same file, which only ever appends. */
static int
appending(int fd)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    int copy = open(path, O_RDWR | O_APPEND | O_CLOEXEC);
    assert_true(copy >= 0);
    return copy;
}

/* A round of settings, as the parent sends them. */
static void
make_child(struct stage *s, struct child *c)
{
    static struct str scopes[] = {{"oauth", 5},
                                  {"crm.objects.contacts.read", 25}};
    static struct str back[] = {{"https://app.example.com/connected", 33}};
    struct life_app *apps = arena_alloc(s->arena, 3 * sizeof(*apps));
    struct child_fd *fds = arena_alloc(s->arena, 5 * sizeof(*fds));
    size_t n = 0, n_fds = 4;
    apps[n++] = (struct life_app){.name = STR("fixed"), .is_static = true};
    apps[n++] = (struct life_app){.name = STR("other"),
                                  .client_id = STR("client-2"),
                                  .scopes = {scopes, 2},
                                  .erase_gone_after_s = 7 * 86400};
    if (!s->lacks_app)
        apps[n++] = (struct life_app){.name = STR("crm"),
                                      .title = STR("CRM"),
                                      .client_id = STR("client-1"),
                                      .scopes = {scopes, 2},
                                      .return_to = {back, 1},
                                      .is_marketplace = true,
                                      .erase_gone_after_s = 7 * 86400,
                                      .webhook_target = str_from(s->target.url),
                                      .webhook_batch = s->target.batch};
    if (!s->lacks_app && s->edit_app != NULL)
        s->edit_app(&apps[n - 1]);
    fds[0].what.kind = LIFE_FD_MASTER_KEY;
    fds[0].fd = memory_file(s->master_keys);
    fds[1].what = (struct life_descriptor){.kind = LIFE_FD_CLIENT_SECRET,
                                           .app = STR("other")};
    fds[1].fd = memory_file("another-secret\n");
    fds[2].what = (struct life_descriptor){.kind = LIFE_FD_CLIENT_SECRET,
                                           .app = STR("crm")};
    fds[2].fd = memory_file("the-client-secret\n");
    fds[3].what = (struct life_descriptor){.kind = LIFE_FD_WEBHOOK_SECRET,
                                           .app = STR("crm")};
    fds[3].fd =
        memory_file("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=\n");
    if (s->old_secret != NULL) {
        fds[n_fds].what = (struct life_descriptor){
            .kind = LIFE_FD_CLIENT_SECRET_OLD, .app = STR("crm")};
        fds[n_fds++].fd = memory_file(s->old_secret);
    }
    *c = (struct child){
        .base = s->base, .apps = apps, .n_apps = n, .fds = fds, .n_fds = n_fds};
    c->settings.node = STR("node-1");
    c->settings.public_url = STR("https://keep.example.com");
    c->settings.authorize_url = STR("https://app.hubspot.com/oauth/authorize");
    c->settings.events_keep_s = 30 * 86400;
    c->settings.events_max = s->events_max > 0 ? s->events_max : 1000000000;
}

static void
close_fds(struct child *c)
{
    for (size_t i = 0; i < c->n_fds; i++)
        fd_close(&c->fds[i].fd);
}

enum err
stage_reload(struct stage *s, struct buf *problem)
{
    struct child next;
    make_child(s, &next);
    enum err e = settings_reload(&s->keeper, &next, problem);
    close_fds(&next);
    if (e == ERR_OK)
        s->child = next;
    stage_settle(s);
    return e;
}

static void
run_first_turn(struct keeper *k)
{
    assert_int_equal(turns_add(k->turns, do_first_turn, NULL, NULL, 0, 0),
                     ERR_OK);
    turns_run(k->turns);
    assert_non_null(k->ref_key);
}

static void
birth(struct stage *s)
{
    struct keeper *k = &s->keeper;
    struct buf auto_buf problem;
    struct store *store = k->store;
    buf_init(&problem, 1024);
    *k = (struct keeper){.base = s->base,
                         .env = &stage_env,
                         .store = store,
                         .spill_fd = s->spill_fd,
                         .erasures_fd = s->erasures_fd,
                         .started_at = stage_wall(NULL)};
    make_child(s, &s->child);
    assert_int_equal(settings_open(k, &s->child, &problem), ERR_OK);
    close_fds(&s->child);
    if (k->store == NULL)
        assert_int_equal(store_open("", &k->store, &problem), ERR_OK);
    k->audit = audit_new(k);
    k->turns = turns_new(k, k->store);
    k->errands = errands_new(k);
    k->delivery = delivery_new(k);
    k->peers = peers_new(k);
    assert_int_equal(audit_resume(k->audit), ERR_OK);
    run_first_turn(k);
    assert_int_equal(errands_read_spill(k, &problem), ERR_OK);
    assert_int_equal(turns_add(k->turns, do_resume_attempts, NULL, NULL, 0, 0),
                     ERR_OK);
    assert_int_equal(turns_add(k->turns, do_parking_resume, NULL, NULL, 0, 0),
                     ERR_OK);
    s->front = add_peer(s, LIFE_PEER_FRONT, &front_conversation);
    s->relay = add_peer(s, LIFE_PEER_RELAY, &relay_conversation);
    s->courier = add_peer(s, LIFE_PEER_COURIER, &courier_conversation);
    s->deliver = add_peer(s, LIFE_PEER_DELIVER, &courier_conversation);
    s->admin = add_peer(s, LIFE_PEER_ADMIN, &admin_conversation);
}

static void
make_key(struct stage *s)
{
    static struct heard h;
    struct admin_key_create ask = {.name = STR("test"), .verbs = 255};
    stage_admin(s, ADMIN_KEY_CREATE, &ask, &h);
    assert_int_equal(h.err, ERR_OK);
    const char *key = strstr(h.json, "\"key\":\"");
    assert_non_null(key);
    key += 7;
    size_t n = strcspn(key, "\"");
    assert_true(n < sizeof(s->api_key));
    memcpy(s->api_key, key, n);
    s->api_key[n] = '\0';
}

struct stage *
stage_new(void)
{
    static bool has_slab;
    struct stage *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    assert_true(sodium_init() >= 0);
    if (!has_slab)
        assert_int_equal(slab_open(4096), ERR_OK);
    has_slab = true;
    current = s;
    s->arena = arena_new();
    s->now_ms = 1700000000000;
    s->random_state = 42;
    s->master_keys = KEYS;
    s->hub_id = 1001;
    s->scopes = "oauth crm.objects.contacts.read";
    s->expires_in = 1800;
    s->spill_fd = memory_file("");
    int list = memory_file("");
    s->erasures_fd = appending(list);
    (void)close(list);
    s->spill = spill_new(appending(s->spill_fd), &stage_env);
    s->base = event_base_new();
    assert_non_null(s->base);
    log_open("keeper", 0, LOG_ERROR);
    birth(s);
    make_key(s);
    return s;
}

static void
death(struct stage *s)
{
    struct keeper *k = &s->keeper;
    channel_free(s->front);
    channel_free(s->relay);
    channel_free(s->courier);
    channel_free(s->deliver);
    channel_free(s->admin);
    peers_free(k->peers);
    delivery_free(k->delivery);
    errands_free(k->errands);
    turns_free(k->turns);
    audit_free(k->audit);
    apps_free(k->apps);
    vault_free(k->vault);
    secret_free(k->ref_key);
    secret_free(k->old_ref_key);
    arena_free(k->lasting);
    while (s->held != NULL) {
        struct held_errand *h = s->held;
        s->held = h->next;
        free(h);
    }
}

void
stage_free(struct stage *s)
{
    death(s);
    stage_forget_posts(&s->target);
    store_close(s->keeper.store);
    spill_free(s->spill);
    (void)close(s->spill_fd);
    (void)close(s->erasures_fd);
    event_base_free(s->base);
    arena_free(s->arena);
    free(s);
}

void
stage_rebirth(struct stage *s)
{
    death(s);
    s->holds_errands = false;
    (void)spill_forget(s->spill);
    assert_int_equal(spill_write(s->spill), ERR_OK);
    birth(s);
    stage_settle(s);
}

/* The loop has nothing more to do at once: what was sent has arrived. */
void
stage_settle(struct stage *s)
{
    int quiet = 0;
    while (quiet < 20) {
        size_t before = turns_n_waiting(s->keeper.turns);
        uint64_t commits = turns_n_commits(s->keeper.turns);
        size_t errands = errands_n_running(s->keeper.errands);
        (void)event_base_loop(s->base, EVLOOP_NONBLOCK);
        bool is_quiet = before == turns_n_waiting(s->keeper.turns) &&
                        commits == turns_n_commits(s->keeper.turns) &&
                        errands == errands_n_running(s->keeper.errands);
        quiet = is_quiet ? quiet + 1 : 0;
    }
}

void
stage_later(struct stage *s, int64_t ms)
{
    s->now_ms += ms;
    turns_wake_late(s->keeper.turns, 20000);
    assert_int_equal(turns_add(s->keeper.turns, do_sweep, NULL, NULL, 0, 0),
                     ERR_OK);
    stage_settle(s);
}

void
stage_ticks(struct stage *s, unsigned n)
{
    while (n-- > 0) {
        s->now_ms += 100;
        schedule_tick(&s->keeper);
        stage_settle(s);
    }
}
