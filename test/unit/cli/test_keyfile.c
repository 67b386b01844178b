#define _GNU_SOURCE
#include "cli/keyfile.c"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct place {
    char folder[64];
    char path[96];
    struct buf id, problem;
};

static int
setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    (void)snprintf(p->folder, sizeof(p->folder), "/tmp/keyfile-XXXXXX");
    assert_non_null(mkdtemp(p->folder));
    (void)snprintf(p->path, sizeof(p->path), "%s/master.key", p->folder);
    buf_init(&p->id, 256);
    buf_init(&p->problem, 1024);
    *state = p;
    return 0;
}

static int
teardown(void **state)
{
    struct place *p = *state;
    (void)unlink(p->path);
    (void)rmdir(p->folder);
    buf_done(&p->id);
    buf_done(&p->problem);
    free(p);
    return 0;
}

static struct strs
ids_of(struct place *p, struct arena *arena)
{
    struct strs ids;
    assert_int_equal(keyfile_ids(arena, p->path, &ids, &p->problem), ERR_OK);
    return ids;
}

static unsigned
mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return (unsigned)st.st_mode & 07777;
}

static void
a_new_file_holds_one_key_and_is_closed_to_others(void **state)
{
    struct place *p = *state;
    char line[512];
    mode_t before = umask(0);
    assert_int_equal(keyfile_create(p->path, &p->id, &p->problem), ERR_OK);
    (void)umask(before);
    assert_int_equal(mode_of(p->path), 0600);
    FILE *file = fopen(p->path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL && line[0] == '#')
        continue;
    (void)fclose(file);
    /* 20261124-kfqz and 32 bytes in base64 with its = */
    assert_int_equal(p->id.n, 13);
    assert_int_equal(p->id.p[8], '-');
    assert_memory_equal(line, p->id.p, 13);
    assert_int_equal(strlen(line), 13 + 1 + 44 + 1);
    assert_int_equal(line[13 + 44], '=');
}

static void
what_is_there_is_never_written_over(void **state)
{
    struct place *p = *state;
    struct stat st;
    assert_int_equal(keyfile_write_new(p->path, STR("old"), 0600, &p->problem),
                     ERR_OK);
    assert_int_equal(
        keyfile_write_new(p->path, STR("newer"), 0600, &p->problem),
        ERR_CONFLICT);
    assert_non_null(strstr(buf_text(&p->problem), p->path));
    assert_int_equal(stat(p->path, &st), 0);
    assert_int_equal(st.st_size, 3);
}

static void
keys_are_added_at_the_end_and_taken_out(void **state)
{
    struct place *p = *state;
    struct arena *arena = arena_new();
    struct buf auto_buf second = {0};
    buf_init(&second, 256);
    assert_int_equal(keyfile_create(p->path, &p->id, &p->problem), ERR_OK);
    assert_int_equal(keyfile_append(p->path, &second, &p->problem), ERR_OK);
    struct strs ids = ids_of(p, arena);
    assert_int_equal(ids.n, 2);
    assert_true(str_equal(ids.v[0], buf_str(&p->id)));
    assert_true(str_equal(ids.v[1], buf_str(&second)));
    assert_int_equal(keyfile_remove(p->path, buf_str(&p->id), &p->problem),
                     ERR_OK);
    ids = ids_of(p, arena);
    assert_int_equal(ids.n, 1);
    assert_true(str_equal(ids.v[0], buf_str(&second)));
    assert_int_equal(mode_of(p->path), 0600);
    arena_free(arena);
}

static void
the_key_in_use_and_unknown_ones_stay(void **state)
{
    struct place *p = *state;
    assert_int_equal(keyfile_create(p->path, &p->id, &p->problem), ERR_OK);
    assert_int_equal(keyfile_remove(p->path, buf_str(&p->id), &p->problem),
                     ERR_FORBIDDEN);
    assert_int_equal(keyfile_remove(p->path, STR("20000101-none"), &p->problem),
                     ERR_NOT_FOUND);
    struct arena *arena = arena_new();
    assert_int_equal(ids_of(p, arena).n, 1);
    arena_free(arena);
}

static void
a_last_line_without_its_end_stays_whole(void **state)
{
    struct place *p = *state;
    struct arena *arena = arena_new();
    assert_int_equal(keyfile_write_new(p->path, STR("# note\n\nold AAAA="),
                                       0600, &p->problem),
                     ERR_OK);
    assert_int_equal(keyfile_append(p->path, &p->id, &p->problem), ERR_OK);
    struct strs ids = ids_of(p, arena);
    assert_int_equal(ids.n, 2);
    assert_true(str_equal(ids.v[0], STR("old")));
    assert_int_equal(keyfile_remove(p->path, STR("old"), &p->problem), ERR_OK);
    assert_int_equal(ids_of(p, arena).n, 1);
    arena_free(arena);
}

static void
a_missing_file_is_named(void **state)
{
    struct place *p = *state;
    assert_int_equal(keyfile_append(p->path, &p->id, &p->problem), ERR_SYSTEM);
    assert_non_null(strstr(buf_text(&p->problem), p->path));
}

int
main(void)
{
    if (sodium_init() < 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_new_file_holds_one_key_and_is_closed_to_others, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_there_is_never_written_over,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(keys_are_added_at_the_end_and_taken_out,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(the_key_in_use_and_unknown_ones_stay,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_last_line_without_its_end_stays_whole,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_file_is_named, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
