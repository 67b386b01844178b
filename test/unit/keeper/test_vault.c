#include "keeper/vault.c"

#include "vault_place.h"

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
a_slab_that_is_full_is_said(void **state)
{
    (void)state;
    struct secret *all[CELLS];
    for (size_t i = 0; i < CELLS; i++)
        all[i] = secret_new_empty(1);
    struct vault *none = NULL;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    int fd = file_with("a " KEY_A, 0600);
    assert_int_equal(vault_open(fd, &none, &problem), ERR_LIMIT);
    assert_non_null(strstr(buf_text(&problem), "locked memory"));
    assert_int_equal(close(fd), 0);
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
         ("c0f373a3d617f6d658f8f35ae5811379"
          "0b86c66bd7d382f99481510631a2d6e9")},
        {"a", "pkce",
         ("169a7323a202398d59acaa2f3baf2f81"
          "42dbb17526197aa9223cc8b6edd6a220")},
        {"b", "state",
         ("b597936915a76e38de4fc1d09b45b93f"
          "f03fecede1acb7657a25a4a730c5aed1")},
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

int
main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, check_slab)
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, open_slab, NULL);
}
