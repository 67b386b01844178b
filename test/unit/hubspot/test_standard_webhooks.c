#include "hubspot/standard_webhooks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define A10 "AAAAAAAAAA"
#define A80 A10 A10 A10 A10 A10 A10 A10 A10

static void
decodes_keys_of_24_to_64_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err e;
        size_t n;
    } cases[] = {
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ERR_OK, 24},
        {"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", ERR_OK, 32},
        {"whsec_" A80 "AAAAAA==", ERR_OK, 64},
        {"whsec_" A80 "AAAAAAA=", ERR_INVALID, 0},
        {"whsec_" A80 "AAAAAAAA", ERR_INVALID, 0},
        {"whsec_" A80 A10, ERR_INVALID, 0},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLQ==", ERR_INVALID, 0},
        {"whsec_", ERR_INVALID, 0},
        {"", ERR_SYNTAX, 0},
        {"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ERR_SYNTAX, 0},
        {"whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ERR_SYNTAX, 0},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", ERR_SYNTAX, 0},
        {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", ERR_SYNTAX, 0},
        {"whsec_MfKQ9r8G_YqrTwjUPD8ILPZIo2LaLaSw", ERR_SYNTAX, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf auto_buf key = {0};
        buf_init_secret(&key, WEBHOOK_KEY_MAX);
        struct hidden text = HIDDEN(str_from(cases[i].text));
        if (webhook_key_decode(text, &key) != cases[i].e)
            fail_msg("case %zu", i);
        assert_int_equal(key.n, cases[i].n);
    }
}

/* The first is the example of the specification's own libraries. */
static void
signs_with_one_key_and_with_two_in_a_rotation(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    };
    struct webhook_message message = {
        .id = STR("msg_p5jXN8AQM9LWM0D4loKWxJek"),
        .timestamp_s = 1614265330,
        .body = STR("{\"test\": 2432232314}"),
    };
    struct buf auto_buf first = {0};
    struct buf auto_buf second = {0};
    struct buf auto_buf out = {0};
    buf_init_secret(&first, WEBHOOK_KEY_MAX);
    buf_init_secret(&second, WEBHOOK_KEY_MAX);
    buf_init(&out, 200);
    assert_int_equal(webhook_key_decode(HIDDEN(str_from(texts[0])), &first),
                     ERR_OK);
    assert_int_equal(webhook_key_decode(HIDDEN(str_from(texts[1])), &second),
                     ERR_OK);
    struct hidden keys[] = {HIDDEN(buf_str(&first)), HIDDEN(buf_str(&second))};
    webhook_sign(&message, keys, 1, &out);
    assert_string_equal(buf_text(&out),
                        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    buf_clear(&out);
    webhook_sign(&message, keys, 2, &out);
    assert_string_equal(buf_text(&out),
                        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "
                        "v1,78nXHjpFP0tVJQW5D0SBwmVyyW87BV/rL6MgfM/Bw44=");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_keys_of_24_to_64_bytes),
        cmocka_unit_test(signs_with_one_key_and_with_two_in_a_rotation),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
