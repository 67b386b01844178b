#include "front/page.h"

#include "front/look.h"
#include "front/texts.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "front/page.c"

static const char *
render(struct buf *out, const struct page *p)
{
    buf_clear(out);
    page_add(out, p);
    assert_int_equal(buf_err(out), ERR_OK);
    return buf_text(out);
}

static size_t
count(const char *text, const char *what)
{
    size_t n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

#define HAS(html, text) assert_non_null(strstr(html, text))
#define HAS_NOT(html, text) assert_null(strstr(html, text))

static void
every_page_is_whole_and_says_what_to_do(void **state)
{
    struct buf auto_buf out;
    (void)state;
    buf_init(&out, PAGE_BYTES_MAX);
    for (uint32_t page = PAGE_CONNECTED; page < PAGE_END; page++) {
        struct page p = {.page = page, .app_title = STR("CRM Sync")};
        const char *html = render(&out, &p);
        const struct page_text *t = texts_of(page);
        assert_int_equal(count(html, "<h1>"), 1);
        assert_int_equal(count(html, "<main "), 1);
        assert_int_equal(count(html, "<title>"), 1);
        HAS(html, "<!doctype html>\n<html lang=\"en\">");
        HAS(html, "</html>\n");
        HAS_NOT(html, "{app}");
        HAS_NOT(html, "<script");
        HAS_NOT(html, "style=\"");
        assert_true(strlen(t->title) > 0 && strlen(t->said) > 0);
        assert_true(strlen(t->next) > 0 && strlen(t->id) > 0);
        assert_true(t->status >= 200 && t->status < 600);
        assert_true(page == PAGE_BROKEN || t != texts_of(PAGE_BROKEN));
    }
}

static void
names_the_app_or_says_the_app(void **state)
{
    struct buf auto_buf out;
    (void)state;
    buf_init(&out, PAGE_BYTES_MAX);
    struct page p = {.page = PAGE_CONNECTED, .app_title = STR("CRM Sync")};
    HAS(render(&out, &p), "<h1>CRM Sync is connected</h1>");
    p.app_title = STR_NONE;
    HAS(render(&out, &p), "<h1>The app is connected</h1>");
}

static void
escapes_all_that_comes_from_outside(void **state)
{
    struct buf auto_buf out;
    struct str evil = STR("<script>alert('\"&\")</script>");
    struct str scopes[] = {evil};
    (void)state;
    buf_init(&out, PAGE_BYTES_MAX);
    for (uint32_t page = PAGE_CONNECTED; page < PAGE_END; page++) {
        struct page p = {.page = page,
                         .app_title = evil,
                         .support_url = STR("https://x/\"><script>"),
                         .privacy_url = STR("https://y/'><script>"),
                         .request_id = evil,
                         .detail = evil,
                         .retry_url = STR("https://z/\"><script>"),
                         .missing_scopes = {scopes, 1}};
        const char *html = render(&out, &p);
        HAS_NOT(html, "<script");
        HAS_NOT(html, "alert('");
        HAS(html, "&lt;script&gt;alert(&#39;&quot;&amp;&quot;)");
        HAS(html, "href=\"https://x/&quot;&gt;&lt;script&gt;\"");
    }
}

static void
links_to_the_web_only(void **state)
{
    struct buf auto_buf out;
    (void)state;
    static const struct {
        const char *url;
        bool is_link;
    } cases[] = {
        {"https://keep.example.com/connect/a?session=b&c=d", true},
        {"http://localhost:8700/connect/a", true},
        {"/connect/a?session=b", true},
        {"//evil.example.com/", false},
        {"javascript:alert(1)", false},
        {"data:text/html,x", false},
        {"", false},
    };
    buf_init(&out, PAGE_BYTES_MAX);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct page p = {.page = PAGE_EXPIRED,
                         .retry_url = str_from(cases[i].url),
                         .support_url = str_from(cases[i].url)};
        const char *html = render(&out, &p);
        assert_int_equal(strstr(html, ">Try again</a>") != NULL,
                         cases[i].is_link);
        assert_int_equal(strstr(html, ">Help and support</a>") != NULL,
                         cases[i].is_link);
    }
}

static void
lets_a_busy_page_be_asked_for_again(void **state)
{
    struct buf auto_buf out;
    (void)state;
    buf_init(&out, PAGE_BYTES_MAX);
    struct page p = {.page = PAGE_BUSY};
    HAS(render(&out, &p), "<a href=\"\">Try again</a>");
    p.page = PAGE_STATE_INVALID;
    HAS_NOT(render(&out, &p), "Try again</a>");
}

static void
says_missing_permissions_in_words(void **state)
{
    struct buf auto_buf out;
    struct str scopes[SCOPES_SHOWN + 3];
    (void)state;
    buf_init(&out, PAGE_BYTES_MAX);
    for (size_t i = 0; i < SCOPES_SHOWN + 3; i++)
        scopes[i] = STR("some.unknown.scope");
    scopes[0] = STR("crm.objects.deals.read");
    struct page p = {.page = PAGE_MISSING_SCOPES,
                     .missing_scopes = {scopes, 2}};
    const char *html = render(&out, &p);
    HAS(html, "<li>Read deals</li>");
    HAS(html, "<li>some.unknown.scope</li>");
    p.missing_scopes.n = SCOPES_SHOWN + 3;
    html = render(&out, &p);
    assert_int_equal(count(html, "<li>"), SCOPES_SHOWN + 1);
    HAS(html, "<li>and 3 more</li>");
}

static void
shows_reference_and_account_where_they_are_known(void **state)
{
    struct buf auto_buf out;
    (void)state;
    buf_init(&out, PAGE_BYTES_MAX);
    struct page p = {.page = PAGE_FAILED,
                     .request_id = STR("abc123"),
                     .portal = 1001,
                     .detail = STR("HubSpot said: no")};
    const char *html = render(&out, &p);
    HAS(html, "Reference: <code>abc123</code>");
    HAS(html, "HubSpot account 1001");
    HAS(html, "HubSpot said: no");
    p = (struct page){.page = PAGE_FAILED, .detail = STR("line\nbreak")};
    html = render(&out, &p);
    HAS_NOT(html, "Reference");
    HAS_NOT(html, "<footer>");
    HAS_NOT(html, "break");
}

static void
the_policy_names_the_style_sheet_of_the_page(void **state)
{
    struct buf auto_buf out, auto_buf policy, auto_buf wanted;
    uint8_t hash[crypto_hash_sha256_BYTES];
    char text[64];
    (void)state;
    buf_init(&out, PAGE_BYTES_MAX);
    buf_init(&policy, 1024);
    buf_init(&wanted, 128);
    look_add_policy(&policy);
    struct page p = {.page = PAGE_CONNECTED};
    const char *html = render(&out, &p);
    const char *from = strstr(html, "<style>") + strlen("<style>");
    const char *to = strstr(from, "</style>");
    assert_int_equal(
        crypto_hash_sha256(hash, (const uint8_t *)from, (size_t)(to - from)),
        0);
    buf_addf(&wanted, "style-src 'sha256-%s';",
             sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
                               sodium_base64_VARIANT_ORIGINAL));
    HAS(buf_text(&policy), buf_text(&wanted));
    HAS(buf_text(&policy), "default-src 'none'");
    HAS_NOT(buf_text(&policy), "unsafe");
}

static void
a_number_that_is_no_page_is_our_fault(void **state)
{
    (void)state;
    assert_int_equal(texts_of(0)->status, 500);
    assert_int_equal(texts_of(PAGE_END)->status, 500);
    assert_int_equal(texts_of(UINT32_MAX)->status, 500);
    assert_int_equal(texts_page_of_status(431), PAGE_TOO_LARGE);
    assert_int_equal(texts_page_of_status(299), PAGE_BROKEN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_page_is_whole_and_says_what_to_do),
        cmocka_unit_test(names_the_app_or_says_the_app),
        cmocka_unit_test(escapes_all_that_comes_from_outside),
        cmocka_unit_test(links_to_the_web_only),
        cmocka_unit_test(lets_a_busy_page_be_asked_for_again),
        cmocka_unit_test(says_missing_permissions_in_words),
        cmocka_unit_test(shows_reference_and_account_where_they_are_known),
        cmocka_unit_test(the_policy_names_the_style_sheet_of_the_page),
        cmocka_unit_test(a_number_that_is_no_page_is_our_fault),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
