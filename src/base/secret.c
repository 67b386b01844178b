#define _GNU_SOURCE
#include "base/secret.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define CELL_SIZE 2048

/* One cell: the length, or the next free cell, then the bytes. */
struct secret {
    union {
        size_t n;
        struct secret *next_free;
    };
    uint8_t bytes[SECRET_MAX];
};

_Static_assert(sizeof(struct secret) == CELL_SIZE, "a cell is 2 KB");

static struct {
    struct secret *cells;
    size_t n_cells;
    size_t n_touched; /* cells beyond this were never used */
    size_t n_free;
    struct secret *free_list;
} slab;

enum err
slab_open(size_t n_cells)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = n_cells * CELL_SIZE;
    size = (size + page - 1) / page * page;
    char *p = mmap(NULL, size + 2 * page, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return ERR_SYSTEM;
    char *cells = p + page;
    if (mprotect(cells, size, PROT_READ | PROT_WRITE) != 0 ||
        mlock2(cells, size, MLOCK_ONFAULT) != 0 ||
        madvise(cells, size, MADV_DONTDUMP) != 0 ||
        madvise(cells, size, MADV_WIPEONFORK) != 0) {
        (void)munmap(p, size + 2 * page); /* the first failure is what counts */
        return ERR_SYSTEM;
    }
    slab.cells = (struct secret *)(void *)cells;
    slab.n_cells = n_cells;
    slab.n_free = n_cells;
    return ERR_OK;
}

size_t
slab_fit(size_t least, size_t most)
{
    struct rlimit limit;
    size_t n = least;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0)
        return least;
    /* A page of it stays free: the slab ends on a page. */
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur / CELL_SIZE > most)
        n = most;
    else if (limit.rlim_cur / CELL_SIZE > 2)
        n = (size_t)limit.rlim_cur / CELL_SIZE - 2;
    return n > least ? n : least;
}

size_t
slab_room(void)
{
    return slab.n_free;
}

struct secret *
secret_new_empty(size_t n)
{
    struct secret *s;
    assert(slab.cells != NULL);
    if (n > SECRET_MAX || slab.n_free == 0)
        return NULL;
    if (slab.free_list != NULL) {
        s = slab.free_list;
        slab.free_list = s->next_free;
    } else {
        s = &slab.cells[slab.n_touched++];
    }
    slab.n_free--;
    s->n = n;
    return s;
}

struct secret *
secret_new(struct hidden text)
{
    struct secret *s = secret_new_empty(text.s.n);
    if (s != NULL && text.s.n > 0)
        memcpy(s->bytes, text.s.p, text.s.n);
    return s;
}

void
secret_free(struct secret *s)
{
    if (s == NULL)
        return;
    assert(s >= slab.cells && s < slab.cells + slab.n_cells);
    sodium_memzero(s, sizeof(*s));
    s->next_free = slab.free_list;
    slab.free_list = s;
    slab.n_free++;
}

void
secret_free_at(struct secret **s)
{
    secret_free(*s);
    *s = NULL;
}

struct hidden
secret_view(const struct secret *s)
{
    return s == NULL ? HIDDEN_NONE : HIDDEN(str_of(s->bytes, s->n));
}

uint8_t *
secret_bytes(struct secret *s)
{
    return s->bytes;
}

size_t
secret_len(const struct secret *s)
{
    return s->n;
}

static bool
is_around(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

enum err
secret_line(struct hidden text, struct hidden *out)
{
    struct str line = text.s;
    while (line.n > 0 && is_around(line.p[0]))
        line = str_of(line.p + 1, line.n - 1);
    while (line.n > 0 && is_around(line.p[line.n - 1]))
        line.n--;
    for (size_t i = 0; i < line.n; i++)
        if ((unsigned char)line.p[i] < ' ' || line.p[i] == 0x7f)
            return ERR_SYNTAX;
    if (line.n == 0)
        return ERR_INVALID;
    *out = HIDDEN(line);
    return ERR_OK;
}

const char *
secret_line_problem(enum err e)
{
    switch (e) {
    case ERR_INVALID:
        return "is empty";
    case ERR_SYNTAX:
        return "holds more than one line, or bytes that are no text: leave "
               "nothing in it but the secret";
    case ERR_LIMIT:
        return "is too long for a secret: leave nothing in it but the secret";
    default:
        return "cannot be read";
    }
}

bool
hidden_equal(struct hidden a, struct hidden b)
{
    return a.s.n == b.s.n &&
           (a.s.n == 0 || sodium_memcmp(a.s.p, b.s.p, a.s.n) == 0);
}

void
wipe_done(struct wipe *w)
{
    sodium_memzero(w->p, w->n);
}

/* The size stands before the bytes, so that free knows how much to wipe. */
#define SIZE_ROOM 16

void *
wiping_malloc(size_t n)
{
    if (n > SIZE_MAX - SIZE_ROOM)
        return NULL;
    char *p = malloc(n + SIZE_ROOM);
    if (p == NULL)
        return NULL;
    memcpy(p, &n, sizeof(n));
    return p + SIZE_ROOM;
}

void
wiping_free(void *p)
{
    size_t n;
    if (p == NULL)
        return;
    char *start = (char *)p - SIZE_ROOM;
    memcpy(&n, start, sizeof(n));
    sodium_memzero(start, n + SIZE_ROOM);
    free(start);
}

void *
wiping_realloc(void *p, size_t n)
{
    size_t old = 0;
    void *bigger = wiping_malloc(n);
    if (bigger == NULL || p == NULL)
        return bigger;
    memcpy(&old, (char *)p - SIZE_ROOM, sizeof(old));
    memcpy(bigger, p, old < n ? old : n);
    wiping_free(p);
    return bigger;
}
