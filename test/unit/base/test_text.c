#include "base/text.c"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* What `add` makes of a text, in a buffer of exactly that size. */
static void
expect(void (*add)(struct buf *out, struct str text), struct str text,
       const char *want)
{
    struct buf auto_buf b;
    buf_init(&b, strlen(want));
    add(&b, text);
    if (buf_err(&b) != ERR_OK || strcmp(buf_text(&b), want) != 0)
        fail_msg("\"%s\" instead of \"%s\"", buf_text(&b), want);
    if (b.n == 0)
        return;
    buf_done(&b);
    buf_init(&b, strlen(want) - 1);
    add(&b, text);
    assert_int_equal(buf_err(&b), ERR_LIMIT);
}

typedef enum err (*decoder)(struct buf *out, struct str text);

static void
expect_decoded(decoder decode, const char *text, enum err e, struct str want)
{
    struct buf auto_buf b;
    buf_init(&b, e == ERR_OK ? 1 + want.n : 100);
    buf_add_char(&b, '>');
    enum err got = decode(&b, str_from(text));
    if (got != e)
        fail_msg("%s: %s", text, err_name(got));
    assert_int_equal(b.n, 1 + (e == ERR_OK ? want.n : 0));
    assert_true(e != ERR_OK || str_equal(str_of(b.p + 1, b.n - 1), want));
    if (e != ERR_OK || want.n == 0)
        return;
    buf_done(&b);
    buf_init(&b, want.n - 1);
    assert_int_equal(decode(&b, str_from(text)), ERR_LIMIT);
    assert_int_equal(b.n, 0);
}

static void
hex_goes_there_and_back(void **state)
{
    (void)state;
    expect(text_add_hex, STR(""), "");
    expect(text_add_hex, STR("\x00\xff\x1a"), "00ff1a");
    static const struct {
        const char *text;
        enum err e;
        struct str want;
    } rows[] = {
        {"", ERR_OK, {"", 0}},        {"00ff1A", ERR_OK, {"\x00\xff\x1a", 3}},
        {"0", ERR_SYNTAX, {"", 0}},   {"0g", ERR_SYNTAX, {"", 0}},
        {"00 ", ERR_SYNTAX, {"", 0}}, {"00:11", ERR_SYNTAX, {"", 0}},
        {" 00", ERR_SYNTAX, {"", 0}}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        expect_decoded(text_add_decoded_hex, rows[i].text, rows[i].e,
                       rows[i].want);
}

/* RFC 4648, section 10, without the padding; and what is not canonical. */
static void
base64url_goes_there_and_back(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err e;
        struct str want;
    } rows[] = {
        {"", ERR_OK, {"", 0}},
        {"Zg", ERR_OK, {"f", 1}},
        {"Zm8", ERR_OK, {"fo", 2}},
        {"Zm9v", ERR_OK, {"foo", 3}},
        {"Zm9vYg", ERR_OK, {"foob", 4}},
        {"Zm9vYmE", ERR_OK, {"fooba", 5}},
        {"Zm9vYmFy", ERR_OK, {"foobar", 6}},
        {"-_-_", ERR_OK, {"\xfb\xff\xbf", 3}},
        {"Zg==", ERR_SYNTAX, {"", 0}},
        {"Zg=", ERR_SYNTAX, {"", 0}},
        {"Zh", ERR_SYNTAX, {"", 0}},
        {"Zm9", ERR_SYNTAX, {"", 0}},
        {"Z", ERR_SYNTAX, {"", 0}},
        {"Zm9vY", ERR_SYNTAX, {"", 0}},
        {"+/+/", ERR_SYNTAX, {"", 0}},
        {"Zm 9v", ERR_SYNTAX, {"", 0}},
        {"Zm9v\n", ERR_SYNTAX, {"", 0}},
        {" Zm9v", ERR_SYNTAX, {"", 0}},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf auto_buf room;
        buf_init(&room, 100);
        if (rows[i].e == ERR_OK) {
            expect(text_add_base64url, rows[i].want, rows[i].text);
            expect_decoded(text_add_decoded_base64url, rows[i].text, ERR_OK,
                           rows[i].want);
        } else {
            assert_int_equal(
                text_add_decoded_base64url(&room, str_from(rows[i].text)),
                rows[i].e);
            assert_int_equal(room.n, 0);
        }
    }
}

static enum err
unpercent(struct buf *out, struct str text)
{
    return text_add_unpercent(out, text, false);
}

static enum err
unform(struct buf *out, struct str text)
{
    return text_add_unpercent(out, text, true);
}

static void
percent_goes_there_and_back(void **state)
{
    (void)state;
    expect(text_add_percent, STR("azAZ09-._~"), "azAZ09-._~");
    expect(text_add_percent, STR(" +/?&=%\x00\xff"),
           "%20%2B%2F%3F%26%3D%25%00%FF");
    expect_decoded(unpercent, "a%20b+c%2f%2F", ERR_OK, STR("a b+c//"));
    expect_decoded(unform, "a%20b+c%00", ERR_OK, STR("a b c\0"));
    static const char *const bad[] = {"ab%",  "ab%2",  "ab%2g", "ab%g2",
                                      "ab%%", "ab%+1", "%-1",   "x% 1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf auto_buf b;
        buf_init(&b, 100);
        buf_add_char(&b, '>');
        assert_int_equal(unpercent(&b, str_from(bad[i])), ERR_SYNTAX);
        assert_int_equal(b.n, 1);
    }
}

static void
parameters_are_put_together(void **state)
{
    struct buf auto_buf b;
    (void)state;
    buf_init(&b, 200);
    buf_add(&b, STR("https://x/?"));
    text_add_parameter(&b, "scope", STR("a b"));
    text_add_parameter(&b, "state", STR("=&"));
    text_add_parameter(&b, "none", STR_NONE);
    assert_string_equal(buf_text(&b),
                        "https://x/?scope=a%20b&state=%3D%26&none=");
    buf_clear(&b);
    text_add_parameter(&b, "grant_type", STR("refresh_token"));
    assert_string_equal(buf_text(&b), "grant_type=refresh_token");
}

static void
the_first_value_of_a_name_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *query, *name;
        enum err e;
        const char *want;
    } rows[] = {
        {"code=a%20b&state=c", "code", ERR_OK, "a b"},
        {"code=a&state=c", "state", ERR_OK, "c"},
        {"state=1&state=2", "state", ERR_OK, "1"},
        {"xstate=1&state=2", "state", ERR_OK, "2"},
        {"state", "state", ERR_OK, ""},
        {"state=", "state", ERR_OK, ""},
        {"state=a=b", "state", ERR_OK, "a=b"},
        {"q=a+b", "q", ERR_OK, "a b"},
        {"&&q=1", "q", ERR_OK, "1"},
        {"", "q", ERR_NOT_FOUND, ""},
        {"Q=1", "q", ERR_NOT_FOUND, ""},
        {"q=%4", "q", ERR_SYNTAX, ""},
        {"r=%4&q=1", "q", ERR_OK, "1"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf auto_buf b;
        buf_init(&b, 100);
        enum err e = text_add_query_value(&b, str_from(rows[i].query),
                                          str_from(rows[i].name));
        if (e != rows[i].e || strcmp(buf_text(&b), rows[i].want) != 0)
            fail_msg("row %zu: %s \"%s\"", i, err_name(e), buf_text(&b));
    }
}

static void
times_are_rfc_3339(void **state)
{
    (void)state;
    static const struct {
        int64_t t;
        const char *want;
    } rows[] = {{0, "1970-01-01T00:00:00Z"},
                {1795534200, "2026-11-24T15:30:00Z"},
                {951782400, "2000-02-29T00:00:00Z"},
                {-1, "1969-12-31T23:59:59Z"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct buf auto_buf b;
        buf_init(&b, 100);
        text_add_time(&b, rows[i].t);
        assert_string_equal(buf_text(&b), rows[i].want);
    }
}

static void
http_dates_are_taken_in_the_fixed_form_only(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
        int64_t want;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", true, 784111777},
        {"Thu, 01 Jan 1970 00:00:00 GMT", true, 0},
        {"Tue, 24 Nov 2026 15:30:00 GMT", true, 1795534200},
        {"Mon, 06 Nov 1994 08:49:37 GMT", false, 0},
        {"Sunday, 06-Nov-94 08:49:37 GMT", false, 0},
        {"Sun Nov  6 08:49:37 1994", false, 0},
        {"Sun, 6 Nov 1994 08:49:37 GMT", false, 0},
        {"Sun,  06 Nov 1994 08:49:37 GMT", false, 0},
        {"sun, 06 nov 1994 08:49:37 GMT", false, 0},
        {"Sun, 06 Nov 1994 08:49:37 UTC", false, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT ", false, 0},
        {"Sun, 06 Nov 1994 24:00:00 GMT", false, 0},
        {"Mon, 30 Feb 2026 00:00:00 GMT", false, 0},
        {"Sun, 06 Nov 1994 08:49:37", false, 0},
        {"", false, 0},
        {"Sun, 06 Nov 1994 08:49:37 GMT and much more than that", false, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t t = 42;
        bool is_good = text_parse_http_date(str_from(rows[i].text), &t);
        if (is_good != rows[i].is_good || t != (is_good ? rows[i].want : 42))
            fail_msg("%s: %lld", rows[i].text, (long long)t);
    }
    int64_t t;
    assert_false(
        text_parse_http_date(STR("Sun, 06 Nov 1994 08:49:37 GMT\0x"), &t));
}

static void
times_are_read_as_rfc_3339_has_them(void **state)
{
    static const struct {
        const char *text;
        bool is_good;
        int64_t want;
    } rows[] = {
        {"1970-01-01T00:00:00Z", true, 0},
        {"2026-11-24T15:30:00Z", true, 1795534200000},
        {"2026-11-24T15:30:00.5Z", true, 1795534200500},
        {"2026-11-24t15:30:00.123456789z", true, 1795534200123},
        {"2026-11-24T16:30:00.001+01:00", true, 1795534200001},
        {"2026-11-24T10:00:00-05:30", true, 1795534200000},
        {"2028-02-29T00:00:00Z", true, 1835395200000},
        {"2026-02-29T00:00:00Z", false, 0},
        {"2026-13-01T00:00:00Z", false, 0},
        {"2026-11-24T24:00:00Z", false, 0},
        {"2026-11-24T15:60:00Z", false, 0},
        {"2026-11-24 15:30:00Z", false, 0},
        {"2026-11-24T15:30:00", false, 0},
        {"2026-11-24T15:30:00.Z", false, 0},
        {"2026-11-24T15:30:00+0100", false, 0},
        {"2026-11-24T15:30:00+24:00", false, 0},
        {"2026-11-24T15:30:00Zx", false, 0},
        {"26-11-24T15:30:00Z", false, 0},
        {"", false, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t t = 42;
        bool is_good = text_parse_time(str_from(rows[i].text), &t);
        if (is_good != rows[i].is_good || t != (is_good ? rows[i].want : 42))
            fail_msg("%s: %lld", rows[i].text, (long long)t);
    }
}

static void
html_and_json_are_escaped(void **state)
{
    (void)state;
    expect(text_add_html, STR("<a href=\"x\">'&'</a>"),
           "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
    expect(text_add_json, STR(""), "\"\"");
    expect(text_add_json, STR("a\"\\/\n\x00\x1f\x7f"),
           "\"a\\\"\\\\/\\u000a\\u0000\\u001f\x7f\"");
    expect(text_add_json, STR("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
           "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
#define BAD "\xef\xbf\xbd"
    expect(text_add_json, STR("a\xc3"), "\"a" BAD "\"");
    expect(text_add_json, STR("\xc0\xaf"), "\"" BAD BAD "\"");
    expect(text_add_json, STR("\xed\xa0\x80"), "\"" BAD BAD BAD "\"");
    expect(text_add_json, STR("\xff\"x"), "\"" BAD "\\\"x\"");
}

static void
clean_text_is_utf8_without_control_characters(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        bool is_clean;
    } rows[] = {
        {{"", 0}, true},
        {{"Caf\xc3\xa9 GmbH", 10}, true},
        {{"\xf4\x8f\xbf\xbf", 4}, true},
        {{"\xee\x80\x80", 3}, true},
        {{"a\nb", 3}, false},
        {{"a\0b", 3}, false},
        {{"a\x7f", 2}, false},
        {{"\x80", 1}, false},
        {{"\xc1\xbf", 2}, false},
        {{"\xe0\x9f\xbf", 3}, false},
        {{"\xed\xbf\xbf", 3}, false},
        {{"\xf0\x8f\xbf\xbf", 4}, false},
        {{"\xf4\x90\x80\x80", 4}, false},
        {{"\xf5\x80\x80\x80", 4}, false},
        {{"\xe2\x82", 2}, false},
        {{"\xe2\x82"
          "a",
          3},
         false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (text_is_clean(rows[i].text) != rows[i].is_clean)
            fail_msg("row %zu", i);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hex_goes_there_and_back),
        cmocka_unit_test(base64url_goes_there_and_back),
        cmocka_unit_test(percent_goes_there_and_back),
        cmocka_unit_test(parameters_are_put_together),
        cmocka_unit_test(the_first_value_of_a_name_is_found),
        cmocka_unit_test(times_are_rfc_3339),
        cmocka_unit_test(http_dates_are_taken_in_the_fixed_form_only),
        cmocka_unit_test(times_are_read_as_rfc_3339_has_them),
        cmocka_unit_test(html_and_json_are_escaped),
        cmocka_unit_test(clean_text_is_utf8_without_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
