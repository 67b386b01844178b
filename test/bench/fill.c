#include "base/env.h"
#include "base/limits.h"
#include "keeper/grant.h"
#include "keeper/store.h"
#include "keeper/vault.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Fills a database with grants for the benchmark, as the keeper would have
 * written them, portals from 1000001 on:
 *
 *     bench-fill DATABASE MASTER_KEY_FILE APP COUNT
 *
 * Nothing else may have the database open.
 */
#define FIRST_PORTAL 1000001
#define A_COMMIT 500 /* grants */
#define TOKEN_BYTES 300

static const struct field counts_fields[] = {
    FIELD(struct grant_counts, n_active),
    FIELD(struct grant_counts, n_needs_reconnect),
    FIELD(struct grant_counts, n_erasing),
};
static const struct record counts_record = {
    .name = "grant_counts",
    .fields = counts_fields,
    .n_fields = sizeof(counts_fields) / sizeof(counts_fields[0]),
    .size = sizeof(struct grant_counts)};

struct fill {
    struct store *store;
    struct vault *vault;
    struct arena *arena; /* of one commit */
    struct str app;
    int64_t now_s;
    struct store_change *changes;
    size_t n;
    uint64_t turn;
};

static void
stop(const char *what, enum err e)
{
    (void)fprintf(stderr, "%s: %s\n", what, err_name(e));
    exit(1);
}

static void
put(struct fill *f, enum store_table table, struct str key,
    const struct record *record, const void *from, struct str tag)
{
    struct buf auto_buf body;
    buf_init(&body, LIMIT_FRAME);
    record_encode(record, from, &body);
    f->changes[f->n++].row =
        (struct store_row){.table = table,
                           .key = key,
                           .due = STORE_NEVER,
                           .tag = arena_copy(f->arena, tag),
                           .body = arena_copy(f->arena, buf_str(&body))};
}

static struct str
seal_token(struct fill *f, const struct secret *key, uint64_t portal,
           const char *kind)
{
    struct seal_place place = {.app = f->app,
                               .portal = portal,
                               .generation = 1,
                               .kind = str_from(kind)};
    char token[TOKEN_BYTES];
    struct buf auto_buf out;
    for (size_t i = 0; i < sizeof(token); i++)
        token[i] = (char)('a' + randombytes_uniform(26));
    buf_init(&out, LIMIT_API_BODY);
    enum err e =
        vault_seal(key, &place, HIDDEN(str_of(token, sizeof(token))), &out);
    if (e != ERR_OK)
        stop("sealing", e);
    return arena_copy(f->arena, buf_str(&out));
}

static void
add_grant(struct fill *f, uint64_t portal)
{
    struct str key = grant_key(f->arena, f->app, portal);
    struct seal_place place = {
        .app = f->app, .portal = portal, .kind = STR("wrap"), .row = key};
    struct secret *data_key;
    struct buf auto_buf wrap;
    buf_init(&wrap, LIMIT_API_BODY);
    enum err e = vault_new_data_key(f->vault, &place, &data_key, &wrap);
    if (e != ERR_OK)
        stop("a data key", e);
    struct str scopes[] = {STR("oauth"), STR("crm.objects.contacts.read")};
    struct grant g = {
        .state = GRANT_ACTIVE,
        .generation = 1,
        .version = 1,
        .connected_at = f->now_s,
        .refreshed_at = f->now_s,
        .expires_at = f->now_s + 86400,
        .expires_in = 86400,
        .scopes = {scopes, 2},
        .sealed_refresh = seal_token(f, data_key, portal, "refresh"),
        .sealed_access = seal_token(f, data_key, portal, "access")};
    struct data_key row = {buf_str(&wrap)};
    put(f, STORE_GRANTS, key, &grant_record, &g, STR_NONE);
    put(f, STORE_DATA_KEYS, key, &data_key_record, &row,
        vault_current(f->vault));
    secret_free(data_key);
}

static void
commit(struct fill *f)
{
    enum err e = store_commit(f->store, f->turn++, f->changes, f->n);
    if (e != ERR_OK)
        stop("a commit", e);
    f->n = 0;
    arena_clear(f->arena);
}

static void
fill(struct fill *f, uint64_t count)
{
    struct grant_counts counts = {.n_active = count};
    for (uint64_t i = 0; i < count; i++) {
        add_grant(f, FIRST_PORTAL + i);
        if ((i + 1) % A_COMMIT == 0)
            commit(f);
    }
    put(f, STORE_META, arena_printf(f->arena, "counts/%.*s", STR_ARG(f->app)),
        &counts_record, &counts, STR_NONE);
    commit(f);
}

int
main(int argc, char **argv)
{
    struct fill f = {0};
    struct buf auto_buf problem;
    uint64_t count;
    buf_init(&problem, LIMIT_API_BODY);
    if (argc != 5 || !str_to_u64(str_from(argv[4]), &count)) {
        (void)fprintf(stderr, "usage: %s DATABASE MASTER_KEY_FILE APP COUNT\n",
                      argv[0]);
        return 2;
    }
    int fd = open(argv[2], O_RDONLY | O_CLOEXEC);
    if (sodium_init() < 0 || fd < 0 || slab_open(64) != ERR_OK ||
        vault_open(fd, &f.vault, &problem) != ERR_OK ||
        store_open(argv[1], &f.store, &problem) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", buf_text(&problem));
        return 1;
    }
    f.app = str_from(argv[3]);
    f.arena = arena_new();
    f.now_s = env_now_s(env_real());
    f.turn = (uint64_t)f.now_s << 20; /* no keeper's turn has that number */
    f.changes = calloc(2 * A_COMMIT + 1, sizeof(*f.changes));
    if (f.changes == NULL)
        return 1;
    fill(&f, count);
    free(f.changes);
    arena_free(f.arena);
    store_close(f.store);
    vault_free(f.vault);
    (void)close(fd); /* only read */
    return 0;
}
