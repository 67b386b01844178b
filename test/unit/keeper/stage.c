#define _GNU_SOURCE
#include "stage.h"

#include "base/text.h"
#include "ipc/channel.h"
#include "ipc/fd.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/errands.h"
#include "keeper/install.h"
#include "keeper/peers.h"
#include "keeper/schedule.h"

#include <event2/event.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct held_errand {
    struct held_errand *next;
    uint32_t id;
    uint32_t kind;
};

/* The environment finds its stage here: one stage at a time. */
static struct stage *current;

static int64_t
stage_now(struct env *env)
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

static struct env stage_env = {stage_now, stage_now, stage_random};

static struct courier_done
answer_of(struct stage *s, uint32_t kind, struct arena *a)
{
    struct courier_done d = {.kind = kind, .outcome = OUTCOME_OK};
    if (s->outcome[kind] != 0) {
        d.outcome = s->outcome[kind];
        d.status = STR("PLAYED");
        return d;
    }
    d.http_status = 200;
    d.hub_id = s->hub_id;
    d.scopes = arena_split(a, STR("oauth crm.objects.contacts.read"), ' ');
    d.has_scopes = true;
    if (kind == ERRAND_EXCHANGE || kind == ERRAND_REFRESH) {
        s->n_tokens++;
        d.access_token = HIDDEN(arena_printf(a, "access-%u", s->n_tokens));
        d.refresh_token = HIDDEN(arena_printf(a, "refresh-%u", s->n_tokens));
        d.expires_in = s->expires_in;
    }
    if (kind == ERRAND_INTROSPECT) {
        d.client_id = STR("client-1");
        d.user_id = 77;
    }
    return d;
}

static void
answer_errand(struct stage *s, uint32_t id, uint32_t kind)
{
    struct arena *a = arena_new();
    struct courier_done d = answer_of(s, kind, a);
    channel_reply(s->courier, id, COURIER_DONE, &d);
    arena_free(a);
}

static void
on_courier(const struct incoming *in, void *arg)
{
    struct stage *s = arg;
    if (in->message->type != COURIER_ERRAND)
        return;
    const struct courier_errand *e = in->body;
    s->n_errands[e->kind]++;
    if (!s->holds_errands) {
        answer_errand(s, in->id, e->kind);
        return;
    }
    struct held_errand *h = calloc(1, sizeof(*h));
    assert_non_null(h);
    *h = (struct held_errand){s->held, in->id, e->kind};
    s->held = h;
}

void
stage_release(struct stage *s)
{
    s->holds_errands = false;
    while (s->held != NULL) {
        struct held_errand *h = s->held;
        s->held = h->next;
        answer_errand(s, h->id, h->kind);
        free(h);
    }
    stage_settle(s);
}

static void
on_event(const struct incoming *in, void *arg)
{
    struct stage *s = arg;
    if (in->message->type == RELAY_REVOKED)
        s->n_revoked++;
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
    static const struct channel_handler other = {on_event, on_close};
    int pair[2];
    assert_int_equal(fd_pair(pair), ERR_OK);
    struct channel *ch = channel_new(
        s->base, pair[1], c, kind == LIFE_PEER_COURIER ? &courier : &other, s);
    peers_add(s->keeper.peers, kind, 0, pair[0]);
    return ch;
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

static void
make_child(struct stage *s)
{
    static struct str scopes[] = {{"oauth", 5},
                                  {"crm.objects.contacts.read", 25}};
    static struct str back[] = {{"https://app.example.com/connected", 33}};
    static struct life_app apps[2];
    static struct child_fd fds[1];
    apps[0] = (struct life_app){.name = STR("crm"),
                                .title = STR("CRM"),
                                .client_id = STR("client-1"),
                                .scopes = {scopes, 2},
                                .return_to = {back, 1},
                                .erase_gone_after_s = 7 * 86400};
    apps[1] = (struct life_app){.name = STR("fixed"), .is_static = true};
    fds[0].what.kind = LIFE_FD_CLIENT_SECRET;
    fds[0].what.app = STR("crm");
    fds[0].fd = memory_file("the-client-secret\n");
    s->child = (struct child){
        .base = s->base, .apps = apps, .n_apps = 2, .fds = fds, .n_fds = 1};
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
                         .node = STR("node-1"),
                         .public_url = STR("https://keep.example.com"),
                         .authorize_url =
                             STR("https://app.hubspot.com/oauth/authorize"),
                         .store = store,
                         .spill_fd = -1,
                         .erasures_fd = -1,
                         .started_at = s->now_ms};
    int fd = memory_file("k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    assert_int_equal(vault_open(fd, &k->vault, &problem), ERR_OK);
    (void)close(fd);
    make_child(s);
    assert_int_equal(apps_load(&s->child, &k->apps, &problem), ERR_OK);
    if (k->store == NULL)
        assert_int_equal(store_open("", &k->store, &problem), ERR_OK);
    k->audit = audit_new(k);
    k->turns = turns_new(k, k->store);
    k->errands = errands_new(k);
    k->peers = peers_new(k);
    assert_int_equal(audit_resume(k->audit), ERR_OK);
    run_first_turn(k);
    s->front = add_peer(s, LIFE_PEER_FRONT, &front_conversation);
    s->relay = add_peer(s, LIFE_PEER_RELAY, &relay_conversation);
    s->courier = add_peer(s, LIFE_PEER_COURIER, &courier_conversation);
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
    s->now_ms = 1700000000000;
    s->random_state = 42;
    s->hub_id = 1001;
    s->expires_in = 1800;
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
    channel_free(s->admin);
    peers_free(k->peers);
    errands_free(k->errands);
    turns_free(k->turns);
    audit_free(k->audit);
    apps_free(k->apps);
    vault_free(k->vault);
    secret_free(k->ref_key);
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
    store_close(s->keeper.store);
    event_base_free(s->base);
    free(s);
}

void
stage_rebirth(struct stage *s)
{
    death(s);
    s->holds_errands = false;
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

static void
keep_text(char *out, size_t room, struct str text)
{
    size_t n = text.n < room - 1 ? text.n : room - 1;
    if (n > 0)
        memcpy(out, text.p, n);
    out[n] = '\0';
}
#define KEEP(field, text) keep_text(field, sizeof(field), text)

static void
on_begun(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct heard *h = arg;
    const struct front_begun *b = reply;
    (void)m;
    h->has_answer = true;
    h->err = (uint32_t)e;
    if (e != ERR_OK)
        return;
    h->page = b->page;
    KEEP(h->location, b->location);
    KEEP(h->tag, b->tag);
    KEEP(h->cookie, b->cookie.s);
}

static void
on_finished(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct heard *h = arg;
    const struct front_finished *f = reply;
    (void)m;
    h->has_answer = true;
    h->err = (uint32_t)e;
    if (e != ERR_OK)
        return;
    h->page = f->page;
    KEEP(h->location, f->location);
    KEEP(h->detail, f->detail);
}

static void
on_lease(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct heard *h = arg;
    const struct relay_lease *l = reply;
    (void)m;
    h->has_answer = true;
    h->err = e != ERR_OK ? (uint32_t)e : l->err;
    if (e != ERR_OK)
        return;
    KEEP(h->token, l->access_token.s);
    KEEP(h->detail, l->detail);
    KEEP(h->reconnect_url, l->reconnect_url);
    h->version = l->version;
    h->lease_until = l->lease_until;
}

static void
on_relay_answer(enum err e, const struct message *m, const void *reply,
                void *arg)
{
    struct heard *h = arg;
    const struct relay_answer *a = reply;
    (void)m;
    h->has_answer = true;
    h->err = e != ERR_OK ? (uint32_t)e : a->err;
    if (e != ERR_OK)
        return;
    KEEP(h->json, a->json);
    KEEP(h->detail, a->detail);
}

static void
on_admin_answer(enum err e, const struct message *m, const void *reply,
                void *arg)
{
    struct heard *h = arg;
    const struct admin_answer *a = reply;
    (void)m;
    h->has_answer = true;
    h->err = e != ERR_OK ? (uint32_t)e : a->err;
    if (e != ERR_OK)
        return;
    KEEP(h->json, a->json.s);
    KEEP(h->detail, a->detail);
}

void
stage_ask_lease(struct stage *s, uint64_t portal, uint64_t refused,
                struct heard *out)
{
    struct relay_lease_ask ask = {.credential = HIDDEN(str_from(s->api_key)),
                                  .address = STR("127.0.0.1"),
                                  .app = STR("crm"),
                                  .portal = portal,
                                  .verb = VERB_CALL,
                                  .refused_version = refused};
    memset(out, 0, sizeof(*out));
    (void)channel_call(s->relay, RELAY_LEASE_ASK, &ask, 600000, on_lease, out);
}

void
stage_lease(struct stage *s, uint64_t portal, struct heard *out)
{
    stage_ask_lease(s, portal, 0, out);
    stage_settle(s);
}

void
stage_admin(struct stage *s, uint16_t type, const void *ask, struct heard *out)
{
    memset(out, 0, sizeof(*out));
    (void)channel_call(s->admin, type, ask, 600000, on_admin_answer, out);
    stage_settle(s);
}

void
stage_relay(struct stage *s, uint16_t type, const void *ask, struct heard *out)
{
    memset(out, 0, sizeof(*out));
    (void)channel_call(s->relay, type, ask, 600000, on_relay_answer, out);
    stage_settle(s);
}

void
stage_session(struct stage *s, const char *ref, const char *return_to,
              uint64_t portal, struct heard *out)
{
    struct relay_session_create ask = {.credential =
                                           HIDDEN(str_from(s->api_key)),
                                       .address = STR("127.0.0.1"),
                                       .app = STR("crm"),
                                       .ref = str_from(ref),
                                       .return_to = str_from(return_to),
                                       .portal = portal};
    stage_relay(s, RELAY_SESSION_CREATE, &ask, out);
}

/* The link is the "url" member, or the text itself. */
void
stage_begin(struct stage *s, const char *session_url, struct heard *out)
{
    const char *code = strstr(session_url, "session=");
    assert_non_null(code);
    code += 8;
    struct front_begin ask = {.app = STR("crm"),
                              .session =
                                  HIDDEN(str_of(code, strcspn(code, "\"")))};
    memset(out, 0, sizeof(*out));
    (void)channel_call(s->front, FRONT_BEGIN, &ask, 600000, on_begun, out);
    stage_settle(s);
}

void
stage_finish(struct stage *s, const struct heard *begun, const char *code,
             struct heard *out)
{
    struct str query = str_from(strchr(begun->location, '?') + 1);
    struct buf auto_buf state;
    buf_init(&state, LIMIT_URL);
    assert_int_equal(text_add_query_value(&state, query, STR("state")), ERR_OK);
    struct front_finish ask = {.app = STR("crm"),
                               .state = HIDDEN(buf_str(&state)),
                               .cookie = HIDDEN(str_from(begun->cookie)),
                               .code = HIDDEN(str_from(code))};
    memset(out, 0, sizeof(*out));
    (void)channel_call(s->front, FRONT_FINISH, &ask, 600000, on_finished, out);
    stage_settle(s);
}

void
stage_connect(struct stage *s, uint64_t portal)
{
    static struct heard session, begun, done;
    s->hub_id = portal;
    stage_session(s, "tenant-1", "", 0, &session);
    assert_int_equal(session.err, ERR_OK);
    stage_begin(s, session.json, &begun);
    assert_int_equal(begun.page, PAGE_NONE);
    stage_finish(s, &begun, "code-1", &done);
    assert_true(done.has_answer);
    assert_int_equal(done.page, PAGE_CONNECTED);
}
