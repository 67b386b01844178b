#ifndef TEST_STORE_PLACE_H
#define TEST_STORE_PLACE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "keeper/store.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A directory of a test's own with a store in it, and short ways to put rows
 * there and to look at the files.
 *
 *     struct place *p = place_new();
 *     place_open(p);
 *     place_free(p);      -- with everything in the directory
 */
struct place {
    char directory[64];
    char file[96];
    struct store *store; /* NULL while closed */
    struct arena *arena;
    uint64_t turn;
};

static inline struct place *
place_new(void)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    (void)snprintf(p->directory, sizeof(p->directory), "/tmp/store-XXXXXX");
    assert_non_null(mkdtemp(p->directory));
    (void)snprintf(p->file, sizeof(p->file), "%s/t.db", p->directory);
    p->arena = arena_new();
    return p;
}

static inline void
place_open(struct place *p)
{
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    if (store_open(p->file, &p->store, &problem) != ERR_OK)
        fail_msg("%s", buf_text(&problem));
}

static inline void
place_close(struct place *p)
{
    store_close(p->store);
    p->store = NULL;
}

/* A name in the directory; good until four more calls. */
static inline const char *
place_path(const struct place *p, const char *name)
{
    static char paths[4][160];
    static unsigned turn;
    char *path = paths[turn++ % 4];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", p->directory, name);
    return path;
}

static inline bool
place_has(const struct place *p, const char *name)
{
    return access(place_path(p, name), F_OK) == 0;
}

/* How many files there are; removes them if asked to. */
static inline size_t
place_files(const struct place *p, bool is_end)
{
    size_t n = 0;
    struct dirent *entry;
    DIR *d = opendir(p->directory);
    assert_non_null(d);
    while ((entry = readdir(d)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        if (is_end)
            assert_int_equal(unlink(place_path(p, entry->d_name)), 0);
    }
    assert_int_equal(closedir(d), 0);
    return n;
}

static inline void
place_free(struct place *p)
{
    place_close(p);
    arena_free(p->arena);
    (void)place_files(p, true);
    assert_int_equal(rmdir(p->directory), 0);
    free(p);
}

static inline struct store_change
put(enum store_table table, const char *key, uint64_t version, const char *body)
{
    return (struct store_change){.row = {.table = table,
                                         .key = str_from(key),
                                         .version = version,
                                         .due = STORE_NEVER,
                                         .body = str_from(body)}};
}

static inline struct store_change
drop(enum store_table table, const char *key, uint64_t version)
{
    struct store_change c = put(table, key, version, "");
    c.is_delete = true;
    return c;
}

static inline enum err
place_commit(struct place *p, const struct store_change *changes, size_t n)
{
    return store_commit(p->store, ++p->turn, changes, n);
}

static inline struct store_row
place_get(struct place *p, enum store_table table, const char *key)
{
    struct store_ask ask = {.table = table, .key = str_from(key)};
    ask.by = STORE_BY_KEY;
    assert_int_equal(store_load(p->store, &ask, 1, p->arena), ERR_OK);
    assert_int_equal(ask.n_rows, 1);
    assert_true(str_equal(ask.rows[0].key, str_from(key)));
    assert_int_equal(ask.rows[0].table, table);
    return ask.rows[0];
}

/* All steps at once, of a few rows each. */
static inline enum err
back_up_whole(struct store *s, const char *file, const char *keys_file,
              struct buf *problem)
{
    struct store_backup *b;
    uint64_t n;
    enum err e = store_backup_begin(
        s, &(struct store_backup_wish){file, keys_file, true}, &b, problem);
    if (e != ERR_OK)
        return e;
    do {
        e = store_backup_step(b, 7, &n, problem);
    } while (e == ERR_AGAIN);
    return e;
}

static inline void
place_back_up(struct place *p, const char *file, const char *keys)
{
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    if (back_up_whole(p->store, place_path(p, file), place_path(p, keys),
                      &problem) != ERR_OK)
        fail_msg("%s", buf_text(&problem));
}

static inline void
place_restore(struct place *p, const char *file, const char *keys)
{
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    if (store_restore(p->file, place_path(p, file), place_path(p, keys),
                      &problem) != ERR_OK)
        fail_msg("%s", buf_text(&problem));
}

#define assert_str(s, text) assert_true(str_equal(s, STR(text)))

static inline void
write_file(const char *path, struct str text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text.p, text.n), text.n);
    assert_int_equal(close(fd), 0);
}

/* The bytes of a file, empty if there is none. */
static inline void
read_file_into(const char *path, struct buf *out)
{
    char *p;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    do {
        assert_int_equal(buf_reserve(out, 65536, &p), ERR_OK);
        n = read(fd, p, 65536);
        assert_true(n >= 0);
        buf_commit(out, (size_t)n);
    } while (n > 0);
    assert_int_equal(close(fd), 0);
}

/* How often the text stands in the bytes. */
static inline size_t
count_in(const struct buf *bytes, const char *text)
{
    size_t count = 0, n = strlen(text);
    const char *p = bytes->p, *end = bytes->p + bytes->n;
    while (p != NULL && (size_t)(end - p) >= n) {
        p = memchr(p, text[0], (size_t)(end - p) - n + 1);
        if (p == NULL)
            break;
        count += memcmp(p, text, n) == 0;
        p++;
    }
    return count;
}

#endif
