#define _GNU_SOURCE
#include "cli/keyfile.h"

#include "base/env.h"
#include "base/limits.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEY_BYTES 32
#define ID_LETTERS 4
#define FILE_MAX 65536 /* far more than all keys that portkeep takes */
#define BASE64 sodium_base64_VARIANT_ORIGINAL

static enum err
cannot(struct buf *problem, const char *what, const char *path)
{
    buf_addf(problem, "cannot %s %s: %s", what, path, strerror(errno));
    return ERR_SYSTEM;
}

/* 20261124-kfqz: the day, so that backups can be matched with keys. */
static void
add_id(struct buf *out)
{
    char day[16];
    struct tm utc;
    time_t now = env_now_s(env_real());
    if (gmtime_r(&now, &utc) == NULL ||
        strftime(day, sizeof(day), "%Y%m%d-", &utc) == 0)
        day[0] = '\0';
    buf_add_text(out, day);
    for (int i = 0; i < ID_LETTERS; i++)
        buf_add_char(out, (char)('a' + randombytes_uniform(26)));
}

static void
add_new_key(struct buf *line)
{
    uint8_t key[KEY_BYTES];
    char text[sodium_base64_ENCODED_LEN(KEY_BYTES, BASE64)];
    auto_wipe(key);
    auto_wipe(text);
    randombytes_buf(key, sizeof(key));
    (void)sodium_bin2base64(text, sizeof(text), key, sizeof(key),
                            BASE64); /* returns text */
    /* Not buf_addf: printf keeps what it prints in memory of its own. */
    buf_add_text(line, text);
    buf_add_char(line, '\n');
}

static void
add_key_line(struct buf *line, struct buf *out_id)
{
    add_id(out_id);
    buf_add(line, buf_str(out_id));
    buf_add_char(line, ' ');
    add_new_key(line);
}

static enum err
write_all(int fd, struct str text)
{
    while (text.n > 0) {
        ssize_t n = write(fd, text.p, text.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_SYSTEM;
        text.p += n;
        text.n -= (size_t)n;
    }
    return fsync(fd) == 0 ? ERR_OK : ERR_SYSTEM;
}

/* A new name is durable when its folder is. */
static void
sync_folder(const char *path)
{
    struct buf auto_buf folder = {0};
    const char *slash = strrchr(path, '/');
    buf_init(&folder, LIMIT_URL);
    buf_add(&folder, slash != NULL && slash > path
                         ? str_of(path, (size_t)(slash - path))
                         : STR("."));
    int fd = open(buf_text(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd); /* some file systems cannot; nothing is left to do */
    (void)close(fd);
}

enum err
keyfile_write_new(const char *path, struct str text, unsigned mode,
                  struct buf *problem)
{
    int fd =
        open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST) {
        buf_addf(problem, "%s is there already: it is never written over",
                 path);
        return ERR_CONFLICT;
    }
    if (fd < 0)
        return cannot(problem, "make", path);
    /* The mode as it is meant, whatever the umask. */
    enum err e = fchmod(fd, mode) == 0 ? write_all(fd, text) : ERR_SYSTEM;
    if (e != ERR_OK) {
        (void)cannot(problem, "write", path); /* the same code */
        (void)unlink(path);                   /* the failure is told */
    }
    (void)close(fd); /* fsync has said what there is to say */
    sync_folder(path);
    return e;
}

enum err
keyfile_create(const char *path, struct buf *out_id, struct buf *problem)
{
    struct buf auto_buf text = {0};
    buf_init_secret(&text, LIMIT_SECRET_FILE);
    buf_add_text(&text,
                 "# portkeep's master keys: `id base64`, the newest last.\n"
                 "# Without this file no stored token can be read. Keep a "
                 "copy apart from the backups.\n");
    add_key_line(&text, out_id);
    return keyfile_write_new(path, buf_str(&text), 0600, problem);
}

enum err
keyfile_create_webhook(const char *path, struct buf *problem)
{
    struct buf auto_buf text = {0};
    buf_init_secret(&text, LIMIT_SECRET_FILE);
    buf_add_text(&text, "whsec_");
    add_new_key(&text);
    return keyfile_write_new(path, buf_str(&text), 0600, problem);
}

/* The whole file.  is_changing: its owner or root must ask. */
static enum err
read_keys(const char *path, bool is_changing, struct stat *st, struct buf *out,
          struct buf *problem)
{
    char *p;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot(problem, "read", path);
    ssize_t n = -1;
    if (fstat(fd, st) == 0 && buf_reserve(out, FILE_MAX, &p) == ERR_OK)
        n = read(fd, p, FILE_MAX);
    if (n < 0)
        (void)cannot(problem, "read", path); /* ERR_SYSTEM below */
    (void)close(fd);                         /* nothing was written */
    if (n < 0)
        return ERR_SYSTEM;
    buf_commit(out, (size_t)n);
    if (is_changing && geteuid() != 0 && geteuid() != st->st_uid) {
        buf_addf(problem,
                 "%s belongs to user %lu: run this as that user or as root",
                 path, (unsigned long)st->st_uid);
        return ERR_FORBIDDEN;
    }
    return ERR_OK;
}

enum err
keyfile_append(const char *path, struct buf *out_id, struct buf *problem)
{
    struct stat st;
    struct buf auto_buf old = {0}, auto_buf line = {0};
    buf_init_secret(&old, FILE_MAX);
    buf_init_secret(&line, LIMIT_SECRET_FILE);
    enum err e = read_keys(path, true, &st, &old, problem);
    if (e != ERR_OK)
        return e;
    if (old.n > 0 && old.p[old.n - 1] != '\n')
        buf_add_char(&line, '\n');
    add_key_line(&line, out_id);
    int fd = open(path, O_WRONLY | O_APPEND | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return cannot(problem, "open", path);
    e = write_all(fd, buf_str(&line));
    if (e != ERR_OK)
        (void)cannot(problem, "write", path); /* the same code */
    (void)close(fd);                          /* fsync has said it */
    return e;
}

/* The id of a line, or an empty one for lines that hold no key. */
static struct str
id_of(struct str line)
{
    struct str rest = str_trim(line), id;
    if (rest.n == 0 || rest.p[0] == '#' || !str_cut(&rest, ' ', &id))
        return STR("");
    return id;
}

static struct strs
ids_in(struct arena *arena, struct str text)
{
    struct str rest = text, line;
    struct strs ids = {arena_alloc(arena, (text.n / 2 + 1) * sizeof(*ids.v)),
                       0};
    while (str_cut(&rest, '\n', &line))
        if (id_of(line).n > 0)
            ids.v[ids.n++] = arena_copy(arena, id_of(line));
    return ids;
}

enum err
keyfile_ids(struct arena *arena, const char *path, struct strs *out,
            struct buf *problem)
{
    struct stat st;
    struct buf auto_buf text = {0};
    buf_init_secret(&text, FILE_MAX);
    enum err e = read_keys(path, false, &st, &text, problem);
    if (e == ERR_OK)
        *out = ids_in(arena, buf_str(&text));
    return e;
}

/* ERR_OK if this key may go. */
static enum err
check_removal(struct str text, struct str id, struct buf *problem)
{
    struct arena *arena = arena_new();
    struct strs ids = ids_in(arena, text);
    enum err e = ERR_OK;
    if (!strs_have(ids, id)) {
        buf_addf(problem, "there is no key %.*s in the file", STR_ARG(id));
        e = ERR_NOT_FOUND;
    } else if (str_equal(ids.v[ids.n - 1], id)) {
        buf_addf(problem,
                 "%.*s is the newest key, the one in use: `portkeep masterkey "
                 "rotate` first",
                 STR_ARG(id));
        e = ERR_FORBIDDEN;
    }
    arena_free(arena);
    return e;
}

/* The text in the file's place; owner and mode stay. */
static enum err
replace(const char *path, const struct stat *st, struct str text,
        struct buf *problem)
{
    struct buf auto_buf name = {0};
    buf_init(&name, LIMIT_URL);
    buf_addf(&name, "%s.new", path);
    (void)unlink(buf_text(&name)); /* left by a run that was cut short */
    enum err e = keyfile_write_new(buf_text(&name), text,
                                   (unsigned)st->st_mode & 0777, problem);
    if (e != ERR_OK)
        return e;
    if ((geteuid() == 0 &&
         chown(buf_text(&name), st->st_uid, st->st_gid) != 0) ||
        rename(buf_text(&name), path) != 0) {
        (void)cannot(problem, "replace", path); /* the same code */
        (void)unlink(buf_text(&name));          /* the failure is told */
        return ERR_SYSTEM;
    }
    sync_folder(path);
    return ERR_OK;
}

enum err
keyfile_remove(const char *path, struct str id, struct buf *problem)
{
    struct stat st;
    struct str rest, line;
    struct buf auto_buf old = {0}, auto_buf left = {0};
    buf_init_secret(&old, FILE_MAX);
    buf_init_secret(&left, FILE_MAX);
    enum err e = read_keys(path, true, &st, &old, problem);
    if (e == ERR_OK)
        e = check_removal(buf_str(&old), id, problem);
    if (e != ERR_OK)
        return e;
    rest = buf_str(&old);
    while (str_cut(&rest, '\n', &line)) {
        if (str_equal(id_of(line), id) || (rest.p == NULL && line.n == 0))
            continue;
        buf_add(&left, line);
        buf_add_char(&left, '\n');
    }
    return replace(path, &st, buf_str(&left), problem);
}
