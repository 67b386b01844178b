#define _GNU_SOURCE
#include "keeper/vault.c"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define CELLS 200
#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="

/* A master key file with that text, as a descriptor; it has no name. */
static int
file_with(const char *text, mode_t mode)
{
    char path[] = "/tmp/vault-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    return fd;
}

static struct vault *
vault_with(const char *text)
{
    struct vault *v = NULL;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    int fd = file_with(text, 0600);
    if (vault_open(fd, &v, &problem) != ERR_OK)
        fail_msg("%s", buf_text(&problem));
    assert_int_equal(close(fd), 0);
    return v;
}

static int
open_slab(void **state)
{
    (void)state;
    return slab_open(CELLS) == ERR_OK ? 0 : -1;
}

/* Every test gives back each cell that it took. */
static int
check_slab(void **state)
{
    (void)state;
    return slab_room() == CELLS ? 0 : -1;
}

static struct seal_place
usual_place(void)
{
    return (struct seal_place){.app = STR("crm-sync"),
                               .portal = 7,
                               .generation = 3,
                               .kind = STR("refresh"),
                               .row = STR("row")};
}

static void
keys_are_read_with_comments_and_without_a_last_newline(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *current;
    } rows[] = {
        {"a " KEY_A, 1, "a"},
        {"a " KEY_A "\n", 1, "a"},
        {"# a comment\n\n  \na " KEY_A "\n b   " KEY_B "  ", 2, "b"},
        {"20261124-kfqz " KEY_A "\nA_b-9 " KEY_B "\n#end", 2, "A_b-9"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vault *v = vault_with(rows[i].text);
        assert_int_equal(vault_n_keys(v), rows[i].n);
        assert_true(str_equal(vault_current(v), str_from(rows[i].current)));
        assert_true(vault_has_key(v, str_from(rows[i].current)));
        assert_false(vault_has_key(v, STR("nobody")));
        vault_free(v);
    }
    vault_free(NULL);
}

/* No sentence may carry a piece of what stands in the file. */
static void
refuse(int fd, const char *says)
{
    struct vault *v = NULL;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    enum err e = vault_open(fd, &v, &problem);
    const char *sentence = buf_text(&problem);
    if (e == ERR_OK || v != NULL || strstr(sentence, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", sentence, says);
    assert_null(strstr(sentence, "AAECAw"));
    assert_null(strstr(sentence, "secret"));
    assert_int_equal(close(fd), 0);
}

static void
lines_that_do_not_parse_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "has no key"},
        {"\n# only a comment\n", "has no key"},
        {"secret", "line 1: after the id"},
        {"a " KEY_A "\n\nsecret", "line 3: after the id"},
        {KEY_A "\n", "line 1: a line is"},
        {"a\x01z " KEY_A, "line 1: a line is"},
        {"a ", "line 1: after the id"},
        {"a\t" KEY_A, "line 1: a line is"},
        {"a secret", "line 1: after the id"},
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "line 1: after"},
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "line 1: after"},
        {"a AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g", "line 1: after"},
        {"a " KEY_A " " KEY_A, "line 1: after the id"},
        {"a " KEY_A "\nb " KEY_B "\na " KEY_B, "line 3: this id"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         " " KEY_A,
         "line 1: a line is"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        refuse(file_with(rows[i].text, 0600), rows[i].says);
}

static void
a_file_that_others_reach_is_refused(void **state)
{
    (void)state;
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644};
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
        refuse(file_with("a " KEY_A, modes[i]), "chmod 0600");
    struct vault *v;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    int fd = file_with("a " KEY_A, 0400);
    assert_int_equal(vault_open(fd, &v, &problem), ERR_OK);
    vault_free(v);
    assert_int_equal(close(fd), 0);
}

static void
what_is_not_a_regular_file_is_refused(void **state)
{
    (void)state;
    int pair[2];
    assert_int_equal(pipe(pair), 0);
    refuse(pair[0], "not a regular file");
    assert_int_equal(close(pair[1]), 0);
    refuse(open("/tmp", O_RDONLY | O_DIRECTORY), "not a regular file");
    refuse(open("/dev/null", O_RDONLY), "not a regular file");
}

static void
somebody_elses_file_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    int fd = file_with("a " KEY_A, 0600);
    assert_int_equal(fchown(fd, 4711, 4711), 0);
    refuse(fd, "belongs to user 4711");
}

static void
roots_file_and_ones_own_are_read_by_another_user(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    static const uid_t owners[] = {0, 4711};
    for (size_t i = 0; i < 2; i++) {
        struct vault *v;
        struct buf auto_buf problem;
        buf_init(&problem, 1000);
        int fd = file_with("a " KEY_A, 0600);
        assert_int_equal(fchown(fd, owners[i], 0), 0);
        assert_int_equal(seteuid(4711), 0);
        enum err e = vault_open(fd, &v, &problem);
        assert_int_equal(seteuid(0), 0);
        assert_int_equal(e, ERR_OK);
        vault_free(v);
        assert_int_equal(close(fd), 0);
    }
}

static void
a_file_too_long_or_with_too_many_keys_is_refused(void **state)
{
    (void)state;
    struct buf auto_buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 65; i++)
        buf_addf(&text, "k%d " KEY_A "\n", i);
    refuse(file_with(buf_text(&text), 0600), "line 65: too many keys");
    buf_clear(&text);
    for (int i = 0; i < 20000; i++)
        buf_add_text(&text, "#\n");
    refuse(file_with(buf_text(&text), 0600), "longer than");
}

static void
a_slab_that_is_full_is_said(void **state)
{
    (void)state;
    struct secret *all[CELLS];
    for (size_t i = 0; i < CELLS; i++)
        all[i] = secret_new_empty(1);
    refuse(file_with("a " KEY_A, 0600), "locked memory");
    secret_free(all[0]);
    struct vault *v = vault_with("a " KEY_A);
    struct seal_place place = usual_place();
    struct secret *key = NULL;
    struct buf auto_buf wrap;
    buf_init(&wrap, 200);
    assert_int_equal(vault_new_data_key(v, &place, &key, &wrap), ERR_LIMIT);
    assert_int_equal(vault_derive(v, STR("a"), STR("state"), &key), ERR_LIMIT);
    assert_null(key);
    vault_free(v);
    for (size_t i = 1; i < CELLS; i++)
        secret_free(all[i]);
}

/* A vault with two keys, a data key and its wrap by the older one. */
struct bench {
    struct vault *v;
    struct secret *key;
    struct buf wrap;
};

static struct bench
bench_open(void)
{
    struct bench b;
    struct seal_place place = usual_place();
    struct vault *old = vault_with("a " KEY_A);
    buf_init(&b.wrap, 200);
    assert_int_equal(vault_new_data_key(old, &place, &b.key, &b.wrap), ERR_OK);
    vault_free(old);
    b.v = vault_with("a " KEY_A "\nb " KEY_B);
    return b;
}

static void
bench_close(struct bench *b)
{
    vault_free(b->v);
    secret_free(b->key);
    buf_done(&b->wrap);
}

static void
a_data_key_comes_back_under_the_key_that_wrapped_it(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct seal_place place = usual_place();
    struct secret *back = NULL;
    struct str wrap = buf_str(&b.wrap);
    assert_int_equal(wrap.n, 24 + 32 + 16);
    assert_int_equal(vault_unwrap(b.v, STR("a"), wrap, &place, &back), ERR_OK);
    assert_true(hidden_equal(secret_view(back), secret_view(b.key)));
    secret_free(back);
    back = NULL;
    assert_int_equal(vault_unwrap(b.v, STR("b"), wrap, &place, &back),
                     ERR_CRYPTO);
    assert_int_equal(vault_unwrap(b.v, STR("c"), wrap, &place, &back),
                     ERR_NOT_FOUND);
    assert_null(back);
    bench_close(&b);
}

static void
wrapping_again_is_by_the_newest_key(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct seal_place place = usual_place();
    struct secret *back = NULL;
    struct buf auto_buf again;
    buf_init(&again, 200);
    assert_int_equal(vault_wrap(b.v, b.key, &place, &again), ERR_OK);
    assert_int_equal(
        vault_unwrap(b.v, STR("b"), buf_str(&again), &place, &back), ERR_OK);
    assert_true(hidden_equal(secret_view(back), secret_view(b.key)));
    secret_free(back);
    bench_close(&b);
}

/* One other place for each field; 0 is the right one. */
static struct seal_place
other_place(size_t i)
{
    struct seal_place place = usual_place();
    if (i == 1)
        place.app = STR("crm-synd");
    else if (i == 2)
        place.portal = 8;
    else if (i == 3)
        place.generation = 4;
    else if (i == 4)
        place.kind = STR("access");
    else if (i == 5)
        place.row = STR("");
    else if (i == 6) /* the same bytes, cut at another place */
        place.kind = STR("refreshr"), place.row = STR("ow");
    return place;
}

static void
nothing_opens_in_another_place(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct seal_place place = usual_place();
    struct buf auto_buf sealed;
    buf_init(&sealed, 200);
    assert_int_equal(vault_seal(b.key, &place, HIDDEN(STR("token")), &sealed),
                     ERR_OK);
    for (size_t i = 0; i < 7; i++) {
        struct secret *back = NULL;
        struct buf auto_buf text;
        buf_init_secret(&text, 200);
        struct seal_place other = other_place(i);
        enum err expect = i == 0 ? ERR_OK : ERR_CRYPTO;
        assert_int_equal(
            vault_unwrap(b.v, STR("a"), buf_str(&b.wrap), &other, &back),
            expect);
        assert_int_equal(vault_unseal(b.key, &other, buf_str(&sealed), &text),
                         expect);
        assert_int_equal(text.n, i == 0 ? 5 : 0);
        secret_free(back);
    }
    bench_close(&b);
}

static void
no_changed_bit_opens(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct seal_place place = usual_place();
    struct buf auto_buf sealed, auto_buf text;
    struct secret *back = NULL;
    buf_init(&sealed, 200);
    buf_init_secret(&text, 200);
    assert_int_equal(vault_seal(b.key, &place, HIDDEN(STR("token")), &sealed),
                     ERR_OK);
    for (size_t i = 0; i < 8 * sealed.n; i++) {
        sealed.p[i / 8] ^= (char)(1 << i % 8);
        assert_int_equal(vault_unseal(b.key, &place, buf_str(&sealed), &text),
                         ERR_CRYPTO);
        sealed.p[i / 8] ^= (char)(1 << i % 8);
    }
    for (size_t i = 0; i < 8 * b.wrap.n; i++) {
        b.wrap.p[i / 8] ^= (char)(1 << i % 8);
        assert_int_equal(
            vault_unwrap(b.v, STR("a"), buf_str(&b.wrap), &place, &back),
            ERR_CRYPTO);
        b.wrap.p[i / 8] ^= (char)(1 << i % 8);
    }
    assert_int_equal(text.n, 0);
    bench_close(&b);
}

static void
no_cut_text_opens(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct seal_place place = usual_place();
    struct buf auto_buf sealed, auto_buf text;
    struct secret *back = NULL;
    buf_init(&sealed, 200);
    buf_init_secret(&text, 200);
    assert_int_equal(vault_seal(b.key, &place, HIDDEN(STR("token")), &sealed),
                     ERR_OK);
    for (size_t n = 0; n < sealed.n; n++)
        assert_int_equal(
            vault_unseal(b.key, &place, str_of(sealed.p, n), &text),
            ERR_CRYPTO);
    for (size_t n = 0; n < b.wrap.n; n++)
        assert_int_equal(
            vault_unwrap(b.v, STR("a"), str_of(b.wrap.p, n), &place, &back),
            ERR_CRYPTO);
    buf_add_char(&b.wrap, 'x');
    assert_int_equal(
        vault_unwrap(b.v, STR("a"), buf_str(&b.wrap), &place, &back),
        ERR_CRYPTO);
    bench_close(&b);
}

static void
sealing_twice_gives_two_texts_and_appends(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct seal_place place = usual_place();
    struct buf auto_buf sealed, auto_buf text;
    buf_init(&sealed, 300);
    buf_init_secret(&text, 300);
    struct hidden token = HIDDEN(STR("token"));
    assert_int_equal(vault_seal(b.key, &place, token, &sealed), ERR_OK);
    assert_int_equal(vault_seal(b.key, &place, token, &sealed), ERR_OK);
    size_t n = sealed.n / 2;
    struct str one = str_of(sealed.p, n), two = str_of(sealed.p + n, n);
    assert_false(str_equal(one, two));
    assert_int_equal(vault_unseal(b.key, &place, one, &text), ERR_OK);
    assert_int_equal(vault_unseal(b.key, &place, two, &text), ERR_OK);
    assert_true(str_equal(buf_str(&text), STR("tokentoken")));
    bench_close(&b);
}

static void
an_empty_text_can_be_sealed(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct seal_place place = usual_place();
    struct buf auto_buf sealed, auto_buf text;
    buf_init(&sealed, 300);
    buf_init_secret(&text, 300);
    assert_int_equal(vault_seal(b.key, &place, HIDDEN_NONE, &sealed), ERR_OK);
    assert_int_equal(vault_unseal(b.key, &place, buf_str(&sealed), &text),
                     ERR_OK);
    assert_int_equal(text.n, 0);
    bench_close(&b);
}

static void
what_does_not_fit_is_refused_whole(void **state)
{
    (void)state;
    struct bench b = bench_open();
    struct seal_place place = usual_place();
    struct buf auto_buf sealed, auto_buf text;
    struct hidden token = HIDDEN(STR("token"));
    buf_init(&sealed, 44);
    buf_init_secret(&text, 4);
    assert_int_equal(vault_seal(b.key, &place, token, &sealed), ERR_LIMIT);
    assert_int_equal(sealed.n, 0);
    sealed.max = 45;
    assert_int_equal(vault_seal(b.key, &place, token, &sealed), ERR_OK);
    assert_int_equal(vault_unseal(b.key, &place, buf_str(&sealed), &text),
                     ERR_LIMIT);
    assert_int_equal(text.n, 0);
    bench_close(&b);
}

/* The figures are what the first release derives: they may never change. */
static void
derived_keys_are_the_same_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *id, *purpose, *hex;
    } rows[] = {
        {"a", "state",
         "c0f373a3d617f6d658f8f35ae5811379"
         "0b86c66bd7d382f99481510631a2d6e9"},
        {"a", "pkce",
         "169a7323a202398d59acaa2f3baf2f81"
         "42dbb17526197aa9223cc8b6edd6a220"},
        {"b", "state",
         "b597936915a76e38de4fc1d09b45b93f"
         "f03fecede1acb7657a25a4a730c5aed1"},
    };
    struct vault *v = vault_with("a " KEY_A "\nb " KEY_B);
    struct secret *key = NULL;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char hex[2 * DATA_KEY_BYTES + 1];
        assert_int_equal(vault_derive(v, str_from(rows[i].id),
                                      str_from(rows[i].purpose), &key),
                         ERR_OK);
        assert_int_equal(secret_len(key), DATA_KEY_BYTES);
        (void)sodium_bin2hex(hex, sizeof(hex), secret_bytes(key),
                             DATA_KEY_BYTES);
        assert_string_equal(hex, rows[i].hex);
        secret_free(key);
        key = NULL;
    }
    assert_int_equal(vault_derive(v, STR("c"), STR("state"), &key),
                     ERR_NOT_FOUND);
    assert_null(key);
    vault_free(v);
}

static void
no_purpose_gives_the_wrapping_key(void **state)
{
    (void)state;
    struct vault *v = vault_with("a " KEY_A);
    static const char *const purposes[] = {"wrap", "portkeep wrap", "p"};
    uint8_t wrapping[DATA_KEY_BYTES];
    wrapping_key(&v->keys[0], wrapping);
    for (size_t i = 0; i < 3; i++) {
        struct secret *key = NULL;
        assert_int_equal(vault_derive(v, STR("a"), str_from(purposes[i]), &key),
                         ERR_OK);
        assert_memory_not_equal(secret_bytes(key), wrapping, DATA_KEY_BYTES);
        secret_free(key);
    }
    vault_free(v);
}

static struct str
whole_file(int fd, char *room, size_t size)
{
    ssize_t n = pread(fd, room, size, 0);
    assert_true(n >= 0);
    return str_of(room, (size_t)n);
}

static void
an_added_key_is_the_current_one(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "a " KEY_A "\n", "a " KEY_A,
                                        "# comment"};
    for (size_t i = 0; i < 4; i++) {
        struct vault *v;
        struct buf auto_buf id, auto_buf problem;
        char file[2000];
        buf_init(&id, 100);
        buf_init(&problem, 1000);
        int fd = file_with(texts[i], 0600);
        assert_int_equal(vault_add_master_key(fd, &id), ERR_OK);
        assert_int_equal(id.n, strlen("20261124-kfqz"));
        assert_int_equal(id.p[8], '-');
        assert_int_equal(vault_open(fd, &v, &problem), ERR_OK);
        assert_true(str_equal(vault_current(v), buf_str(&id)));
        struct str text = whole_file(fd, file, sizeof(file));
        assert_true(str_starts(text, str_from(texts[i])));
        assert_true(str_ends(text, STR("=\n")));
        vault_free(v);
        assert_int_equal(close(fd), 0);
    }
}

static void
no_key_is_added_to_a_file_that_others_reach(void **state)
{
    (void)state;
    struct buf auto_buf id;
    char file[100];
    buf_init(&id, 100);
    int fd = file_with("a " KEY_A "\n", 0644);
    assert_int_equal(vault_add_master_key(fd, &id), ERR_CONFIG);
    assert_int_equal(whole_file(fd, file, sizeof(file)).n, 47);
    assert_int_equal(id.n, 0);
    assert_int_equal(close(fd), 0);
}

/* The file may grow by 20 bytes only, as on a disk that gets full. */
static void
half_a_line_is_taken_back(void **state)
{
    (void)state;
    struct rlimit old, small;
    struct buf auto_buf id;
    char file[100];
    buf_init(&id, 100);
    int fd = file_with("a " KEY_A "\n", 0600);
    void (*was)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = (struct rlimit){67, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err e = vault_add_master_key(fd, &id);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    (void)signal(SIGXFSZ, was);
    assert_int_equal(e, ERR_SYSTEM);
    struct str text = whole_file(fd, file, sizeof(file));
    assert_true(str_equal(text, STR("a " KEY_A "\n")));
    assert_int_equal(close(fd), 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, check_slab)
    const struct CMUnitTest tests[] = {
        TEST(keys_are_read_with_comments_and_without_a_last_newline),
        TEST(lines_that_do_not_parse_are_named),
        TEST(a_file_that_others_reach_is_refused),
        TEST(what_is_not_a_regular_file_is_refused),
        TEST(somebody_elses_file_is_refused),
        TEST(roots_file_and_ones_own_are_read_by_another_user),
        TEST(a_file_too_long_or_with_too_many_keys_is_refused),
        TEST(a_slab_that_is_full_is_said),
        TEST(a_data_key_comes_back_under_the_key_that_wrapped_it),
        TEST(wrapping_again_is_by_the_newest_key),
        TEST(nothing_opens_in_another_place),
        TEST(no_changed_bit_opens),
        TEST(no_cut_text_opens),
        TEST(sealing_twice_gives_two_texts_and_appends),
        TEST(an_empty_text_can_be_sealed),
        TEST(what_does_not_fit_is_refused_whole),
        TEST(derived_keys_are_the_same_everywhere),
        TEST(no_purpose_gives_the_wrapping_key),
        TEST(an_added_key_is_the_current_one),
        TEST(no_key_is_added_to_a_file_that_others_reach),
        TEST(half_a_line_is_taken_back),
    };
    return cmocka_run_group_tests(tests, open_slab, NULL);
}
