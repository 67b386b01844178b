#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"
#include "base/str.h"

/*
 * Secrets that stay for longer than a message live in one locked slab a
 * process: fixed cells between guard pages, never swapped, not in a core,
 * wiped when let go.
 *
 *     slab_open(4096);                      -- once, before any other call
 *     struct secret *token = secret_new(view);
 *     use(secret_view(token));
 *     secret_free(token);
 *
 * A secret has no text form: no function here prints one.
 */
struct secret;

/*
 * Bytes of a secret that stand in a message or a buffer that wipes itself.
 * A type of its own, so that none is logged or encoded by mistake.
 */
struct hidden {
    struct str s;
};

#define SECRET_MAX                                            \
    2040 /* bytes one cell takes; tokens are 300 to 512 today \
          */

/*
 * ERR_SYSTEM if the memory cannot be had or cannot be locked.  Cells that
 * were never used cost no memory.
 */
enum err slab_open(size_t n_cells) WARN_UNUSED;
/* As many cells as this process may lock, from `least` to `most`. */
size_t slab_fit(size_t least, size_t most);
/* How many more secrets fit. */
size_t slab_room(void);

/* NULL when the slab is full or the text is longer than SECRET_MAX. */
struct secret *secret_new(struct hidden text);
/* Room for n bytes that the caller fills through secret_bytes. */
struct secret *secret_new_empty(size_t n);
/* Wipes.  Takes NULL. */
void secret_free(struct secret *s);
void secret_free_at(struct secret **s);

struct hidden secret_view(const struct secret *s);
uint8_t *secret_bytes(struct secret *s);
size_t secret_len(const struct secret *s);

/*
 * The secret in the text of its file: one line, without what surrounds it.
 * ERR_INVALID: there is none; ERR_SYNTAX: more than one line, or bytes that
 * are no text.
 */
enum err secret_line(struct hidden text, struct hidden *out) WARN_UNUSED;
/* What is wrong with the file, in words: for what secret_line and reading it
 * failed with. */
const char *secret_line_problem(enum err e);

/* Constant time in the content; the lengths are not secret. */
bool hidden_equal(struct hidden a, struct hidden b);

#define HIDDEN(str_value) ((struct hidden){str_value})
#define HIDDEN_NONE ((struct hidden){{NULL, 0}})

/* For a local array that held a secret: auto_wipe needs its size. */
struct wipe {
    void *p;
    size_t n;
};
void wipe_done(struct wipe *w);
#define WIPE_NAME2(line) wipe_at_##line
#define WIPE_NAME(line) WIPE_NAME2(line)
#define auto_wipe(array)                                               \
    __attribute__((cleanup(wipe_done), unused)) struct wipe WIPE_NAME( \
        __LINE__) = {(array), sizeof(array)}
#define auto_secret __attribute__((cleanup(secret_free_at)))

/* malloc, realloc and free that wipe: for libraries that touch secrets. */
void *wiping_malloc(size_t n);
void *wiping_realloc(void *p, size_t n);
void wiping_free(void *p);

#endif
