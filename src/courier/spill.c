#include "courier/spill.h"

#include "base/limits.h"
#include "ipc/fd.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

/* More than can be answered within SPILL_KEEP_MS; then the oldest goes. */
#define KEPT_MAX 1024
#define LENGTH_BYTES 4

struct kept {
    struct kept *next;
    int64_t until_ms; /* monotonic */
    size_t n;
    uint8_t bytes[]; /* as they go into the file */
};

struct spill {
    int fd;
    struct env *env;
    /* moves */
    bool has_key;
    uint8_t key[crypto_box_PUBLICKEYBYTES];
    struct kept *oldest, **newest;
    size_t n_kept;
    int64_t held_until_ms; /* monotonic */
};

struct spill *
spill_new(int fd, struct env *env)
{
    struct spill *s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->fd = fd;
    s->env = env;
    s->newest = &s->oldest;
    return s;
}

static void
drop_oldest(struct spill *s)
{
    struct kept *k = s->oldest;
    s->oldest = k->next;
    if (s->oldest == NULL)
        s->newest = &s->oldest;
    s->n_kept--;
    free(k);
}

void
spill_free(struct spill *s)
{
    if (s == NULL)
        return;
    while (s->n_kept > 0)
        drop_oldest(s);
    fd_close(&s->fd);
    free(s);
}

enum err
spill_set_key(struct spill *s, struct str public_key)
{
    if (public_key.n != sizeof(s->key))
        return ERR_INVALID;
    memcpy(s->key, public_key.p, sizeof(s->key));
    s->has_key = true;
    return ERR_OK;
}

static struct kept *
seal(const struct spill *s, struct str plain)
{
    size_t n = plain.n + crypto_box_SEALBYTES;
    struct kept *k = malloc(sizeof(*k) + LENGTH_BYTES + n);
    if (k == NULL)
        abort();
    for (size_t i = 0; i < LENGTH_BYTES; i++)
        k->bytes[i] = (uint8_t)(n >> (8 * (LENGTH_BYTES - 1 - i)));
    if (crypto_box_seal(k->bytes + LENGTH_BYTES, (const uint8_t *)plain.p,
                        plain.n, s->key) != 0) {
        free(k); /* a key that is no point of the curve */
        return NULL;
    }
    k->next = NULL;
    k->n = LENGTH_BYTES + n;
    return k;
}

void
spill_keep(struct spill *s, const struct spill_entry *entry)
{
    if (s->fd < 0 || !s->has_key)
        return;
    struct buf auto_buf plain;
    buf_init_secret(&plain, LIMIT_FRAME);
    record_encode(&spill_entry_record, entry, &plain);
    if (buf_err(&plain) != ERR_OK)
        return;
    struct kept *k = seal(s, buf_str(&plain));
    if (k == NULL)
        return;
    if (s->n_kept == KEPT_MAX)
        drop_oldest(s);
    k->until_ms = s->env->mono_ms(s->env) + SPILL_KEEP_MS;
    *s->newest = k;
    s->newest = &k->next;
    s->n_kept++;
}

size_t
spill_forget(struct spill *s)
{
    int64_t now = s->env->mono_ms(s->env);
    while (s->n_kept > 0 && s->oldest->until_ms <= now)
        drop_oldest(s);
    return s->n_kept;
}

void
spill_hold(struct spill *s, uint32_t for_ms)
{
    s->held_until_ms = s->env->mono_ms(s->env) + for_ms;
    for (struct kept *k = s->oldest; k != NULL; k = k->next)
        if (k->until_ms < s->held_until_ms)
            k->until_ms = s->held_until_ms;
}

bool
spill_is_held(const struct spill *s)
{
    return s->n_kept > 0 && s->env->mono_ms(s->env) < s->held_until_ms;
}

static enum err
write_all(int fd, const uint8_t *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return ERR_SYSTEM;
        p += done;
        n -= (size_t)done;
    }
    return ERR_OK;
}

enum err
spill_write(struct spill *s)
{
    enum err e = ERR_OK;
    if (s->n_kept == 0)
        return ERR_OK;
    while (e == ERR_OK && s->n_kept > 0) {
        e = write_all(s->fd, s->oldest->bytes, s->oldest->n);
        if (e == ERR_OK)
            drop_oldest(s);
    }
    if (fdatasync(s->fd) != 0)
        e = ERR_SYSTEM;
    return e;
}
