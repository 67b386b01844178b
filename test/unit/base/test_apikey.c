#include "base/apikey.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void
a_made_key_has_its_form_and_its_own_randomness(void **state)
{
    struct buf auto_buf a, auto_buf b;
    (void)state;
    buf_init_secret(&a, APIKEY_LEN);
    buf_init_secret(&b, APIKEY_LEN);
    apikey_make(env_real(), &a);
    apikey_make(env_real(), &b);
    assert_int_equal(buf_err(&a), ERR_OK);
    assert_int_equal(a.n, APIKEY_LEN);
    assert_true(apikey_is_formed(buf_str(&a)));
    assert_true(apikey_is_formed(buf_str(&b)));
    assert_false(str_equal(buf_str(&a), buf_str(&b)));
}

static void
any_one_changed_character_is_found(void **state)
{
    struct buf auto_buf key;
    (void)state;
    buf_init_secret(&key, APIKEY_LEN);
    apikey_make(env_real(), &key);
    for (size_t i = 0; i < key.n; i++) {
        char was = key.p[i];
        key.p[i] = was == 'A' ? 'B' : 'A';
        assert_false(apikey_is_formed(buf_str(&key)));
        key.p[i] = was;
    }
    assert_true(apikey_is_formed(buf_str(&key)));
}

static void
fixed_random(struct env *env, void *out, size_t n)
{
    (void)env;
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)out)[i] = (uint8_t)i;
}

/* Computed apart, with Python's hashlib: keys in use must stay good. */
static void
the_form_does_not_change_over_releases(void **state)
{
    struct env env = {.random = fixed_random};
    struct buf auto_buf key;
    (void)state;
    buf_init_secret(&key, APIKEY_LEN);
    apikey_make(&env, &key);
    assert_string_equal(
        buf_text(&key),
        "pkeep_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AoVSBI");
}

static void
what_is_not_a_key_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "pkeep_",
        "pkeep",
        "PKEEP_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "pat-na1-00000000-0000-0000-0000-000000000000",
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(apikey_is_formed(str_from(bad[i])));
    assert_false(apikey_is_formed(STR_NONE));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_made_key_has_its_form_and_its_own_randomness),
        cmocka_unit_test(any_one_changed_character_is_found),
        cmocka_unit_test(the_form_does_not_change_over_releases),
        cmocka_unit_test(what_is_not_a_key_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
