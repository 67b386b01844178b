#define _GNU_SOURCE
#include "cli/demo_int.h"

#include "base/limits.h"

#include <stdlib.h>

/* What the connections are for, and how they end. */

#define CALLERS 50

static void
check_absent(struct demo *d, struct str bytes, const char *what)
{
    demo_check(d, bytes.n > 0 && demo_count_in_data(d, bytes) == 0, -1, "%s",
               what);
}

static struct str
access_token(struct demo *d, int portal)
{
    struct demo_answer answer;
    demo_private(
        d, "GET",
        arena_printf(d->arena, "/v1/apps/" DEMO_APP "/portals/%d/token", portal)
            .p,
        &answer);
    struct str token =
        arena_copy(d->arena, answer_text(answer.json, "access_token"));
    json_decref(answer.json);
    return token;
}

void
demo_show_sealed(struct demo *d)
{
    demo_heading(d, "In the database everything secret is sealed");
    demo_check(d, demo_count_in_data(d, STR(DEMO_APP)) > 0, -1,
               "the app's name is found in its files: the search works");
    for (int i = 0; i < DEMO_PORTALS; i++) {
        int portal = DEMO_FIRST_PORTAL + i;
        struct str token = demo_refresh_token(d, (uint64_t)portal);
        check_absent(d, token,
                     arena_printf(d->arena,
                                  "the refresh token of %d is found nowhere",
                                  portal)
                         .p);
    }
    check_absent(d, access_token(d, DEMO_FIRST_PORTAL),
                 "nor is an access token, nor who the customer is");
    check_absent(d, STR("customer-1001"),
                 "the customer's id in the backend's own words: nowhere");
}

static void
show_call(struct demo *d, int portal)
{
    struct demo_answer answer;
    struct str path = arena_printf(
        d->arena, "/hubspot/" DEMO_APP "/%d/crm/v3/objects/contacts?limit=3",
        portal);
    demo_private(d, "GET", path.p, &answer);
    const json_t *rows = json_object_get(answer.json, "results");
    const json_t *first =
        json_object_get(json_array_get(rows, 0), "properties");
    struct str email = answer_text(first, "email");
    demo_check(d, answer.status == 200 && json_array_size(rows) > 0,
               answer.took_us, "contacts of %d: %.*s, ...", portal,
               STR_ARG(email));
    json_decref(answer.json);
}

void
demo_show_calls(struct demo *d)
{
    demo_heading(d, "The backend calls HubSpot with its own key, "
                    "never with a token");
    for (int i = 0; i < DEMO_PORTALS; i++)
        if (DEMO_FIRST_PORTAL + i != DEMO_SHORT_PORTAL)
            show_call(d, DEMO_FIRST_PORTAL + i);
}

/* All at once; how many got an answer from HubSpot's API. */
static unsigned
call_at_once(struct demo *d, int portal, int64_t *out_us)
{
    struct web_answer *answers = calloc(CALLERS, sizeof(*answers));
    struct http_call_spec spec;
    struct http_header header;
    unsigned n_good = 0;
    if (answers == NULL)
        abort(); /* no memory */
    struct str path = arena_printf(
        d->arena, "/hubspot/" DEMO_APP "/%d/crm/v3/objects/contacts?limit=1",
        portal);
    int64_t began = demo_now_us();
    demo_private_spec(d, "GET", path.p, &header, &spec);
    for (int i = 0; i < CALLERS; i++)
        web_start(&d->web, &spec, &answers[i]);
    web_wait(&d->web);
    *out_us = demo_now_us() - began;
    for (int i = 0; i < CALLERS; i++) {
        n_good += answers[i].err == ERR_OK && answers[i].status == 200;
        web_answer_done(&answers[i]);
    }
    free(answers);
    return n_good;
}

void
demo_show_refresh(struct demo *d)
{
    int64_t took_us, expired_us = d->last_connected_us + DEMO_SHORT_S * 1000000;
    demo_heading(d, "A token runs out while fifty callers want it");
    uint64_t before = demo_n_refreshes(d);
    while (demo_now_us() <= expired_us && !demo_is_interrupted())
        demo_pause_ms(20);
    demo_check(d, demo_n_refreshes(d) == before, -1,
               "the token of %d lived %d s and is over; nobody used it, so "
               "nobody renewed it",
               DEMO_SHORT_PORTAL, DEMO_SHORT_S);
    unsigned n_good = call_at_once(d, DEMO_SHORT_PORTAL, &took_us);
    demo_check(d, n_good == CALLERS, took_us,
               "%d calls at once through the relay, %u answered by HubSpot",
               CALLERS, n_good);
    uint64_t n = demo_n_refreshes(d) - before;
    demo_check(d, n == 1, -1, "%d refresh%s reached HubSpot", (int)n,
               n == 1 ? "" : "es");
    show_call(d, DEMO_SHORT_PORTAL);
}

static void
check_gone(struct demo *d)
{
    struct demo_answer answer;
    demo_private(d, "GET",
                 arena_printf(d->arena, "/v1/apps/" DEMO_APP "/portals/%d",
                              DEMO_SHORT_PORTAL)
                     .p,
                 &answer);
    demo_check(d, answer.status == 404, answer.took_us,
               "account %d is not known any more", DEMO_SHORT_PORTAL);
    json_decref(answer.json);
}

/* One data key a connected account: without it nothing sealed opens. */
static void
check_data_keys(struct demo *d)
{
    json_t *answer;
    struct admin_plain ask = {.is_brief = false};
    uint64_t n = 0;
    if (admin_call(d->admin, ADMIN_MASTERKEY_LIST, &ask, &answer) == CLI_DONE) {
        n = answer_number(json_array_get(answer_rows(answer), 0), "wraps");
        json_decref(answer);
    }
    demo_check(d, n == DEMO_PORTALS - 1, -1,
               "its data key is destroyed: %d are left, for the other two",
               (int)n);
}

static void
check_audit(struct demo *d)
{
    json_t *answer;
    struct admin_audit ask = {.limit = 1000};
    if (admin_call(d->admin, ADMIN_AUDIT_VERIFY, &ask, &answer) != CLI_DONE) {
        demo_check(d, false, -1, "the audit log can be checked");
        return;
    }
    demo_check(d, answer_number(answer, "broken_at") == 0, -1,
               "the audit log has it all, %d entries in an unbroken chain",
               (int)answer_number(answer, "verified_to"));
    json_decref(answer);
}

void
demo_show_end(struct demo *d)
{
    struct demo_answer answer;
    demo_heading(d, "A customer leaves");
    struct str refresh = demo_refresh_token(d, DEMO_SHORT_PORTAL);
    struct str access = access_token(d, DEMO_SHORT_PORTAL);
    struct str path = arena_printf(d->arena, "/v1/apps/" DEMO_APP "/portals/%d",
                                   DEMO_SHORT_PORTAL);
    demo_private(d, "DELETE", path.p, &answer);
    if (demo_check(d, answer.status == 200, answer.took_us,
                   "the backend lets go of %d", DEMO_SHORT_PORTAL)) {
        demo_check(d,
                   str_equal(answer_text(answer.json, "remote"), STR("done")),
                   -1, "HubSpot has uninstalled the app and revoked the token");
        demo_show_receipt(d, answer.json);
    }
    json_decref(answer.json);
    check_gone(d);
    check_absent(d, refresh,
                 "its refresh token: not in the database, not in "
                 "its log");
    check_absent(d, access, "its access token: nowhere");
    check_data_keys(d);
    check_audit(d);
}
