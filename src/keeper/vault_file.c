#define _GNU_SOURCE
#include "keeper/vault_int.h"

#include "base/env.h"
#include "base/limits.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * The master key file, read into the ring and added to.  A sentence about it
 * names the line, never what stands in it.
 */
#define FILE_MAX (VAULT_KEYS * (VAULT_ID_MAX + 64) + LIMIT_SECRET_FILE)
#define BASE64 sodium_base64_VARIANT_ORIGINAL
#define LETTERS 4
#define MAKE_ONE                                                         \
    "bring back your copy of the file; for a service without data yet, " \
    "take the file away and run `portkeep init`"

void
vault_free(struct vault *v)
{
    if (v == NULL)
        return;
    for (size_t i = 0; i < v->n_keys; i++)
        secret_free(v->keys[i].key);
    free(v);
}

static enum err
check_file(int fd, struct buf *problem)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        buf_addf(problem, "the master key file cannot be looked at: %s",
                 strerror(errno));
        return ERR_SYSTEM;
    }
    if (!S_ISREG(st.st_mode)) {
        buf_add_text(problem, "the master key file is not a regular file: "
                              "name one in [store] master_key");
        return ERR_CONFIG;
    }
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        buf_addf(problem,
                 "the master key file can be reached by group or others "
                 "(mode %04o): run chmod 0600 on it",
                 (unsigned)st.st_mode & 07777);
        return ERR_CONFIG;
    }
    if (st.st_uid != 0 && st.st_uid != geteuid()) {
        buf_addf(problem,
                 "the master key file belongs to user %lu: run chown to root "
                 "or to the user that portkeep runs as (%lu)",
                 (unsigned long)st.st_uid, (unsigned long)geteuid());
        return ERR_CONFIG;
    }
    return ERR_OK;
}

/* The whole file, from its start, wherever the descriptor stands. */
static enum err
read_file(int fd, struct buf *out, struct buf *problem)
{
    char *p;
    for (;;) {
        size_t want = FILE_MAX - out->n;
        if (want == 0 || buf_reserve(out, want, &p) != ERR_OK) {
            buf_addf(problem,
                     "the master key file is longer than %d bytes: it takes "
                     "up to %d lines `id base64`",
                     FILE_MAX, VAULT_KEYS);
            return ERR_CONFIG;
        }
        ssize_t n = pread(fd, p, want, (off_t)out->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            buf_addf(problem, "the master key file cannot be read: %s",
                     strerror(errno));
            return ERR_SYSTEM;
        }
        if (n == 0)
            return ERR_OK;
        buf_commit(out, (size_t)n);
    }
}

static bool
is_id(struct str id)
{
    if (id.n == 0 || id.n > VAULT_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!is_good)
            return false;
    }
    return true;
}

static bool
has_id(const struct vault *v, struct str id)
{
    for (size_t i = 0; i < v->n_keys; i++)
        if (str_equal(master_key_id(&v->keys[i]), id))
            return true;
    return false;
}

static bool
decode_key(struct str text, uint8_t out[static MASTER_KEY_BYTES])
{
    size_t n;
    const char *end;
    return sodium_base642bin(out, MASTER_KEY_BYTES, text.p, text.n, NULL, &n,
                             &end, BASE64) == 0 &&
           n == MASTER_KEY_BYTES && end == text.p + text.n;
}

static enum err
complain(struct buf *problem, size_t line, const char *what)
{
    buf_addf(problem, "master key file, line %zu: %s", line, what);
    return ERR_CONFIG;
}

static enum err
take_line(struct vault *v, struct str text, size_t line, struct buf *problem)
{
    uint8_t bytes[MASTER_KEY_BYTES];
    auto_wipe(bytes);
    struct str id, rest = str_trim(text);
    if (rest.n == 0 || rest.p[0] == '#')
        return ERR_OK;
    if (!str_cut(&rest, ' ', &id) || !is_id(id))
        return complain(problem, line,
                        "a line is `id base64`, the id at most 64 letters, "
                        "digits, - and _; " MAKE_ONE);
    if (!decode_key(str_trim(rest), bytes))
        return complain(problem, line,
                        "after the id there must be 32 bytes in base64 (44 "
                        "characters with the = at the end); " MAKE_ONE);
    if (has_id(v, id))
        return complain(problem, line,
                        "this id was given to an earlier line already: take "
                        "one of them away, or rename it if it never wrapped");
    if (v->n_keys == VAULT_KEYS)
        return complain(problem, line,
                        "too many keys: `portkeep masterkey retire` takes "
                        "away those that wrap nothing any more");
    struct master_key *k = &v->keys[v->n_keys];
    k->key = secret_new(HIDDEN(str_of(bytes, sizeof(bytes))));
    if (k->key == NULL)
        return ERR_LIMIT;
    memcpy(k->id, id.p, id.n);
    k->id_len = id.n;
    v->n_keys++;
    return ERR_OK;
}

static enum err
take_lines(struct vault *v, struct str text, struct buf *problem)
{
    struct str rest = text, line;
    enum err e = ERR_OK;
    for (size_t n = 1; e == ERR_OK && str_cut(&rest, '\n', &line); n++)
        e = take_line(v, line, n, problem);
    if (e == ERR_LIMIT)
        buf_add_text(problem, "no room for the master keys in locked memory: "
                              "raise the limit of locked memory");
    if (e == ERR_OK && v->n_keys == 0) {
        buf_add_text(problem, "the master key file has no key: " MAKE_ONE);
        e = ERR_CONFIG;
    }
    return e;
}

enum err
vault_open(int fd, struct vault **out, struct buf *problem)
{
    struct buf auto_buf text;
    buf_init_secret(&text, FILE_MAX);
    if (sodium_init() < 0) {
        buf_add_text(problem, "libsodium does not start: the kernel gives no "
                              "randomness");
        return ERR_SYSTEM;
    }
    enum err e = check_file(fd, problem);
    if (e == ERR_OK)
        e = read_file(fd, &text, problem);
    if (e != ERR_OK)
        return e;
    struct vault *v = calloc(1, sizeof(*v));
    if (v == NULL)
        abort();
    e = take_lines(v, buf_str(&text), problem);
    if (e != ERR_OK) {
        vault_free(v);
        return e;
    }
    *out = v;
    return ERR_OK;
}

static void
make_id(char out[static VAULT_ID_MAX])
{
    struct tm utc;
    time_t now = (time_t)env_now_s(env_real());
    size_t n = 0;
    if (gmtime_r(&now, &utc) != NULL)
        n = strftime(out, VAULT_ID_MAX - LETTERS - 1, "%Y%m%d-", &utc);
    for (size_t i = 0; i < LETTERS; i++)
        out[n++] = (char)('a' + randombytes_uniform(26));
    out[n] = '\0';
}

static enum err
write_at(int fd, struct str text, off_t at)
{
    size_t done = 0;
    while (done < text.n) {
        ssize_t n = pwrite(fd, text.p + done, text.n - done, at + (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_SYSTEM;
        done += (size_t)n;
    }
    return fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

/* A random key in base64, behind its id. */
static void
add_line(struct buf *out, const char *id)
{
    uint8_t key[MASTER_KEY_BYTES];
    char text[sodium_base64_ENCODED_LEN(MASTER_KEY_BYTES, BASE64)];
    auto_wipe(key);
    auto_wipe(text);
    randombytes_buf(key, sizeof(key));
    (void)sodium_bin2base64(text, sizeof(text), key, sizeof(key),
                            BASE64); /* returns text */
    /* Not buf_addf: printf keeps what it prints in memory of its own. */
    buf_add_text(out, id);
    buf_add_char(out, ' ');
    buf_add_text(out, text);
    buf_add_char(out, '\n');
}

enum err
vault_add_master_key(int fd, struct buf *out_id)
{
    struct buf auto_buf old;
    struct buf auto_buf line;
    struct buf auto_buf problem;
    char id[VAULT_ID_MAX];
    buf_init_secret(&old, FILE_MAX);
    buf_init_secret(&line, LIMIT_SECRET_FILE);
    buf_init(&problem, LIMIT_SECRET_FILE);
    if (sodium_init() < 0)
        return ERR_SYSTEM;
    enum err e = check_file(fd, &problem);
    if (e == ERR_OK)
        e = read_file(fd, &old, &problem);
    if (e != ERR_OK)
        return e;
    if (old.n > 0 && old.p[old.n - 1] != '\n')
        buf_add_char(&line, '\n');
    make_id(id);
    /* Two of one day that are equal would lock the owner out. */
    while (old.n > 0 && memmem(old.p, old.n, id, strlen(id)) != NULL)
        make_id(id);
    add_line(&line, id);
    e = write_at(fd, buf_str(&line), (off_t)old.n);
    if (e != ERR_OK) {
        /* Half a line would make the file unreadable. */
        if (ftruncate(fd, (off_t)old.n) != 0)
            return ERR_SYSTEM;
        return e;
    }
    buf_add_text(out_id, id);
    return buf_err(out_id);
}
