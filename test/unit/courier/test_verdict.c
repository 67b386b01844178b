#include "courier/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "courier/verdict.c"

#define ALL 0

struct row {
    enum errand_kind kind; /* ALL: every kind */
    unsigned http;
    bool is_json;
    const char *status, *error, *category;
    enum errand_outcome outcome;
};

static struct verdict_facts
facts_of(const struct row *row, enum errand_kind kind)
{
    return (struct verdict_facts){
        .kind = kind,
        .http_status = row->http,
        .is_json = row->is_json,
        .status = str_from(row->status),
        .error = str_from(row->error),
        .category = str_from(row->category),
    };
}

static void
check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned first = rows[i].kind == ALL ? ERRAND_EXCHANGE : rows[i].kind;
        unsigned last = rows[i].kind == ALL ? ERRAND_TOKEN_INFO : rows[i].kind;
        for (unsigned kind = first; kind <= last; kind++) {
            struct verdict_facts f = facts_of(&rows[i], (enum errand_kind)kind);
            enum errand_outcome got = verdict(&f);
            if (got != rows[i].outcome)
                fail_msg("row %zu, kind %u: %u and not %u", i, kind, got,
                         rows[i].outcome);
        }
    }
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void
reads_either_pair_of_fields(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {ERRAND_REFRESH, 400, true, "BAD_REFRESH_TOKEN", "invalid_grant", NULL,
         OUTCOME_TOKEN_ENDED},
        {ERRAND_REFRESH, 400, true, "BAD_REFRESH_TOKEN", NULL, NULL,
         OUTCOME_TOKEN_ENDED},
        {ERRAND_REFRESH, 400, true, NULL, "invalid_grant", NULL,
         OUTCOME_TOKEN_ENDED},
        {ERRAND_REFRESH, 400, true, "NEVER_SEEN", "invalid_grant", NULL,
         OUTCOME_TOKEN_ENDED},
        {ERRAND_REFRESH, 400, true, "BAD_HUB", "access_denied", NULL,
         OUTCOME_TOKEN_ENDED},
        {ERRAND_REFRESH, 403, true, NULL, "access_denied", NULL,
         OUTCOME_TOKEN_ENDED},
        {ERRAND_REFRESH, 400, true, NULL, NULL, NULL, OUTCOME_REFUSED},
        {ERRAND_EXCHANGE, 400, true, "BAD_AUTH_CODE", NULL, NULL,
         OUTCOME_CODE_REFUSED},
        {ERRAND_EXCHANGE, 400, true, "EXPIRED_AUTH_CODE", "invalid_grant", NULL,
         OUTCOME_CODE_REFUSED},
        {ERRAND_EXCHANGE, 400, true, "BAD_CODE_VERIFIER", NULL, NULL,
         OUTCOME_CODE_REFUSED},
        {ERRAND_EXCHANGE, 400, true, NULL, "invalid_grant", NULL,
         OUTCOME_CODE_REFUSED},
        {ERRAND_EXCHANGE, 400, true, "BAD_HUB", NULL, NULL,
         OUTCOME_CODE_REFUSED},
        {ERRAND_REVOKE, 400, true, "BAD_REFRESH_TOKEN", NULL, NULL,
         OUTCOME_TOKEN_ENDED},
        {ERRAND_REFRESH, 400, true, "BAD_SCOPES", "invalid_scope", NULL,
         OUTCOME_REFUSED},
    };
    CHECK(rows);
}

static void
never_blames_a_portal_for_our_own_fault(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {ERRAND_REFRESH, 400, true, "BAD_CLIENT_ID", "invalid_client", NULL,
         OUTCOME_OUR_FAULT},
        {ERRAND_REFRESH, 401, true, NULL, "invalid_client", NULL,
         OUTCOME_OUR_FAULT},
        {ERRAND_REFRESH, 400, true, "BAD_CLIENT_SECRET", NULL, NULL,
         OUTCOME_OUR_FAULT},
        /* HubSpot's word is more exact than the RFC's. */
        {ERRAND_REFRESH, 400, true, "BAD_CLIENT_SECRET", "invalid_grant", NULL,
         OUTCOME_OUR_FAULT},
        {ERRAND_EXCHANGE, 400, true, "MISMATCH_REDIRECT_URI_AUTH_CODE",
         "invalid_grant", NULL, OUTCOME_OUR_FAULT},
        {ERRAND_EXCHANGE, 400, true, "BAD_REDIRECT_URI", NULL, NULL,
         OUTCOME_OUR_FAULT},
        {ERRAND_INTROSPECT, 401, true, NULL, "invalid_client", NULL,
         OUTCOME_OUR_FAULT},
        /* Nothing of ours was in these calls. */
        {ERRAND_UNINSTALL, 401, true, NULL, "invalid_client", NULL,
         OUTCOME_REFUSED},
    };
    CHECK(rows);
}

static void
takes_outages_and_strange_pages_for_transient(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {ALL, 0, false, NULL, NULL, NULL, OUTCOME_TRANSIENT},
        {ALL, 302, false, NULL, NULL, NULL, OUTCOME_TRANSIENT},
        {ALL, 403, false, NULL, NULL, NULL, OUTCOME_TRANSIENT},
        {ALL, 404, false, NULL, NULL, NULL, OUTCOME_TRANSIENT},
        {ALL, 408, true, NULL, NULL, NULL, OUTCOME_TRANSIENT},
        {ALL, 423, true, NULL, NULL, NULL, OUTCOME_TRANSIENT},
        {ALL, 500, true, "BAD_REFRESH_TOKEN", "invalid_grant", NULL,
         OUTCOME_TRANSIENT},
        {ALL, 502, false, NULL, NULL, NULL, OUTCOME_TRANSIENT},
        {ALL, 524, false, NULL, NULL, NULL, OUTCOME_TRANSIENT},
        {ALL, 400, true, NULL, "temporarily_unavailable", NULL,
         OUTCOME_TRANSIENT},
    };
    CHECK(rows);
}

static void
takes_a_throttle_for_a_throttle_whatever_it_says(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {ALL, 429, true, "BAD_REFRESH_TOKEN", NULL, NULL, OUTCOME_THROTTLED},
        {ALL, 429, false, NULL, NULL, NULL, OUTCOME_THROTTLED},
        {ALL, 477, false, NULL, NULL, NULL, OUTCOME_THROTTLED},
        {ALL, 403, true, "error", NULL, "RATE_LIMITS", OUTCOME_THROTTLED},
    };
    CHECK(rows);
}

static void
tells_a_stale_access_token_from_one_that_is_gone(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {ERRAND_UNINSTALL, 401, true, "error", NULL, "EXPIRED_AUTHENTICATION",
         OUTCOME_REFUSED},
        {ERRAND_UNINSTALL, 401, true, "error", NULL, "INVALID_AUTHENTICATION",
         OUTCOME_TOKEN_ENDED},
        {ERRAND_TOKEN_INFO, 401, true, "error", NULL, "INVALID_AUTHENTICATION",
         OUTCOME_TOKEN_ENDED},
        {ERRAND_UNINSTALL, 403, true, "error", NULL, "MISSING_SCOPES",
         OUTCOME_REFUSED},
    };
    CHECK(rows);
}

static void
believes_a_success_only_with_what_it_must_bring(void **state)
{
    (void)state;
    static const struct {
        struct verdict_facts facts;
        enum errand_outcome outcome;
    } cases[] = {
        {{ERRAND_REFRESH, 200, .is_json = true, .has_content = true},
         OUTCOME_OK},
        {{ERRAND_REFRESH, 200, .is_json = true}, OUTCOME_TRANSIENT},
        {{ERRAND_REFRESH, 200, .is_html = true}, OUTCOME_TRANSIENT},
        {{ERRAND_REFRESH, 204}, OUTCOME_TRANSIENT},
        {{ERRAND_INTROSPECT, 200, .is_json = true, .has_content = true,
          .is_inactive = true},
         OUTCOME_INACTIVE},
        {{ERRAND_INTROSPECT, 200, .is_json = true}, OUTCOME_TRANSIENT},
        {{ERRAND_REVOKE, 200}, OUTCOME_OK},
        {{ERRAND_REVOKE, 204}, OUTCOME_OK},
        {{ERRAND_REVOKE, 200, .is_html = true}, OUTCOME_TRANSIENT},
        {{ERRAND_UNINSTALL, 204}, OUTCOME_OK},
        {{ERRAND_UNINSTALL, 200, .is_html = true}, OUTCOME_TRANSIENT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(verdict(&cases[i].facts), cases[i].outcome);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_either_pair_of_fields),
        cmocka_unit_test(never_blames_a_portal_for_our_own_fault),
        cmocka_unit_test(takes_outages_and_strange_pages_for_transient),
        cmocka_unit_test(takes_a_throttle_for_a_throttle_whatever_it_says),
        cmocka_unit_test(tells_a_stale_access_token_from_one_that_is_gone),
        cmocka_unit_test(believes_a_success_only_with_what_it_must_bring),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
