#define _GNU_SOURCE
#include "courier/spill.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "courier/spill.c"

static int64_t clock_ms;

static int64_t
test_clock(struct env *env)
{
    (void)env;
    return clock_ms;
}

static struct env env = {test_clock, test_clock, NULL};
static uint8_t public_key[crypto_box_PUBLICKEYBYTES];
static uint8_t secret_key[crypto_box_SECRETKEYBYTES];

/* A spill on a file without a name; *out_fd reads it. */
static struct spill *
open_spill(int *out_fd)
{
    char name[] = "/tmp/portkeep-spill-XXXXXX";
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    *out_fd = open(name, O_RDONLY | O_CLOEXEC);
    assert_true(*out_fd >= 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_APPEND), 0);
    clock_ms = 1000;
    return spill_new(fd, &env);
}

static void
keep(struct spill *s, uint64_t version)
{
    struct spill_entry entry = {.app = STR("crm-sync"),
                                .portal = 1001,
                                .version = version,
                                .kind = ERRAND_REFRESH,
                                .context = STR("note"),
                                .at_ms = 7,
                                .done = HIDDEN(STR("a-marked-token"))};
    spill_keep(s, &entry);
}

static off_t
size_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_size;
}

/* Reads one entry as the keeper will; texts are in the arena. */
static struct spill_entry
read_entry(int fd, struct arena *arena)
{
    uint8_t head[4];
    struct spill_entry entry;
    assert_int_equal(read(fd, head, 4), 4);
    size_t n = (size_t)head[2] << 8 | head[3];
    uint8_t *box = arena_alloc(arena, n);
    uint8_t *plain = arena_alloc(arena, n);
    assert_int_equal(read(fd, box, n), n);
    assert_int_equal(
        crypto_box_seal_open(plain, box, n, public_key, secret_key), 0);
    assert_int_equal(record_decode(&spill_entry_record,
                                   str_of(plain, n - crypto_box_SEALBYTES),
                                   arena, &entry),
                     ERR_OK);
    return entry;
}

static void
the_next_keeper_opens_what_was_spilled(void **state)
{
    (void)state;
    int fd;
    struct arena *arena = arena_new();
    struct spill *s = open_spill(&fd);
    assert_int_equal(spill_set_key(s, str_of(public_key, sizeof(public_key))),
                     ERR_OK);
    keep(s, 1);
    keep(s, 2);
    assert_int_equal(size_of(fd), 0);
    assert_int_equal(spill_write(s), ERR_OK);
    for (uint64_t version = 1; version <= 2; version++) {
        struct spill_entry entry = read_entry(fd, arena);
        assert_int_equal(entry.version, version);
        assert_int_equal(entry.portal, 1001);
        assert_true(str_equal(entry.app, STR("crm-sync")));
        assert_true(str_equal(entry.context, STR("note")));
        assert_true(str_equal(entry.done.s, STR("a-marked-token")));
    }
    assert_int_equal(spill_forget(s), 0);
    arena_free(arena);
    spill_free(s);
    (void)close(fd);
}

static void
no_plain_text_reaches_the_file(void **state)
{
    (void)state;
    int fd;
    char bytes[4096];
    struct spill *s = open_spill(&fd);
    assert_int_equal(spill_set_key(s, str_of(public_key, sizeof(public_key))),
                     ERR_OK);
    keep(s, 1);
    assert_int_equal(spill_write(s), ERR_OK);
    ssize_t n = read(fd, bytes, sizeof(bytes));
    assert_true(n > 0);
    assert_null(memmem(bytes, (size_t)n, "marked", 6));
    assert_null(memmem(bytes, (size_t)n, "crm-sync", 8));
    spill_free(s);
    (void)close(fd);
}

static void
keeps_what_waits_for_the_disk_as_long_as_that_is_said(void **state)
{
    (void)state;
    int fd;
    struct spill *s = open_spill(&fd);
    assert_int_equal(spill_set_key(s, str_of(public_key, sizeof(public_key))),
                     ERR_OK);
    keep(s, 1);
    for (unsigned i = 0; i < 100; i++) {
        clock_ms += SPILL_KEEP_MS - 1;
        spill_hold(s, SPILL_KEEP_MS);
        assert_int_equal(spill_forget(s), 1);
    }
    assert_true(spill_is_held(s));
    clock_ms += SPILL_KEEP_MS;
    assert_false(spill_is_held(s));
    assert_int_equal(spill_forget(s), 0);
    spill_free(s);
    (void)close(fd);
}

static void
forgets_what_the_keeper_has_had_time_to_commit(void **state)
{
    (void)state;
    int fd;
    struct spill *s = open_spill(&fd);
    assert_int_equal(spill_set_key(s, str_of(public_key, sizeof(public_key))),
                     ERR_OK);
    keep(s, 1);
    clock_ms += 1;
    keep(s, 2);
    clock_ms += SPILL_KEEP_MS - 1;
    assert_int_equal(spill_forget(s), 1);
    clock_ms += 1;
    assert_int_equal(spill_forget(s), 0);
    assert_int_equal(spill_write(s), ERR_OK);
    assert_int_equal(size_of(fd), 0);
    spill_free(s);
    (void)close(fd);
}

static void
keeps_the_newest_when_there_are_too_many(void **state)
{
    (void)state;
    int fd;
    struct arena *arena = arena_new();
    struct spill *s = open_spill(&fd);
    assert_int_equal(spill_set_key(s, str_of(public_key, sizeof(public_key))),
                     ERR_OK);
    for (uint64_t version = 1; version <= KEPT_MAX + 3; version++)
        keep(s, version);
    assert_int_equal(spill_forget(s), KEPT_MAX);
    assert_int_equal(spill_write(s), ERR_OK);
    assert_int_equal(read_entry(fd, arena).version, 4);
    arena_free(arena);
    spill_free(s);
    (void)close(fd);
}

static void
keeps_nothing_without_a_key_or_a_file(void **state)
{
    (void)state;
    int fd;
    struct spill *s = open_spill(&fd);
    keep(s, 1);
    assert_int_equal(spill_forget(s), 0);
    assert_int_equal(spill_set_key(s, STR("short")), ERR_INVALID);
    keep(s, 1);
    assert_int_equal(spill_forget(s), 0);
    spill_free(s);
    (void)close(fd);
    s = spill_new(-1, &env);
    assert_int_equal(spill_set_key(s, str_of(public_key, sizeof(public_key))),
                     ERR_OK);
    keep(s, 1);
    assert_int_equal(spill_write(s), ERR_OK);
    spill_free(s);
}

static void
says_when_the_disk_is_full(void **state)
{
    (void)state;
    int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    struct spill *s = spill_new(fd, &env);
    assert_int_equal(spill_set_key(s, str_of(public_key, sizeof(public_key))),
                     ERR_OK);
    keep(s, 1);
    assert_int_equal(spill_write(s), ERR_SYSTEM);
    /* Still there: a second try may find room. */
    assert_int_equal(spill_forget(s), 1);
    spill_free(s);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_keeper_opens_what_was_spilled),
        cmocka_unit_test(no_plain_text_reaches_the_file),
        cmocka_unit_test(keeps_what_waits_for_the_disk_as_long_as_that_is_said),
        cmocka_unit_test(forgets_what_the_keeper_has_had_time_to_commit),
        cmocka_unit_test(keeps_the_newest_when_there_are_too_many),
        cmocka_unit_test(keeps_nothing_without_a_key_or_a_file),
        cmocka_unit_test(says_when_the_disk_is_full),
    };
    if (sodium_init() < 0)
        return 1;
    (void)crypto_box_keypair(public_key, secret_key); /* always 0 */
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
