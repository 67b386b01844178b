#include "cli/demo_int.h"

/* What HubSpot reports: taken, kept, delivered; and an end that HubSpot
 * tells of. */

#define PLANTED "planted in an event"
#define WAIT_S 10
#define EVENT "hubspot.event"

static bool
order(struct demo *d, const char *method, const char *path, const char *body)
{
    struct demo_answer answer;
    demo_emulator(d, method, path, body, &answer);
    json_decref(answer.json);
    return answer.status >= 200 && answer.status < 300;
}

/* What portkeep answered to the newest webhook, once all are answered; 0 if
 * that does not come to pass. */
static unsigned
last_status(struct demo *d)
{
    int64_t until_us = demo_now_us() + WAIT_S * 1000000;
    while (demo_now_us() < until_us && !demo_is_interrupted()) {
        struct demo_answer answer;
        demo_emulator(d, "GET", "/_emulator/webhooks", NULL, &answer);
        const json_t *recent = json_object_get(answer.json, "recent");
        size_t n = json_array_size(recent);
        uint64_t status =
            n > 0 ? answer_number(json_array_get(recent, n - 1), "status") : 0;
        bool is_over = answer.status == 200 &&
                       answer_number(answer.json, "pending") == 0 && n > 0;
        json_decref(answer.json);
        if (is_over)
            return (unsigned)status;
        web_pause(&d->web, 5);
    }
    return 0;
}

static void
show_one(struct demo *d)
{
    int64_t began = demo_now_us();
    bool is_sent = order(d, "POST", "/_emulator/emit",
                         "{\"portal\":1001,\"type\":\"contact.propertyChange\","
                         "\"property\":\"city\",\"value\":\"" PLANTED "\"}");
    const struct demo_delivery *got =
        is_sent ? demo_backend_wait(d, EVENT, DEMO_FIRST_PORTAL, 1) : NULL;
    demo_check(d, last_status(d) == 200, -1,
               "HubSpot's signed webhook is stored, then answered with 200");
    if (!demo_check(d, got != NULL, got != NULL ? got->at_us - began : -1,
                    "from HubSpot to the app's backend"))
        return;
    struct str id = answer_text(got->body, "id");
    struct str value =
        answer_text(json_object_get(got->body, "event"), "propertyValue");
    demo_check(d, got->is_signed && str_equal(value, STR(PLANTED)), -1,
               "signed by portkeep (Standard Webhooks), as %.*s", STR_ARG(id));
    demo_check(d, demo_count_in_data(d, STR(PLANTED)) == 0, -1,
               "what it says is found nowhere in the database's files");
}

static void
show_repeats(struct demo *d)
{
    const struct demo_delivery *last = NULL;
    bool is_sent = order(d, "POST", "/_emulator/emit",
                         "{\"portal\":1003,\"type\":\"contact.creation\","
                         "\"count\":10,\"batch\":4,\"duplicate\":1}");
    unsigned status = is_sent ? last_status(d) : 0;
    (void)demo_backend_wait(d, EVENT, DEMO_SHORT_PORTAL, 10); /* counted next */
    size_t n = demo_backend_count(d, EVENT, DEMO_SHORT_PORTAL, &last);
    demo_check(d, status == 200 && n == 10, -1,
               "HubSpot sends ten events twice, the backend gets %zu", n);
}

void
demo_show_events(struct demo *d)
{
    demo_heading(d, "HubSpot reports changes");
    const char *settings =
        arena_printf(d->arena,
                     "{\"webhook_url\":\"%.*s/webhooks/" DEMO_APP
                     "\",\"webhook_delay_ms\":0,\"webhook_retries\":0}",
                     STR_ARG(d->public_url))
            .p;
    if (!order(d, "PUT", "/_emulator/settings", settings)) {
        demo_check(d, false, -1, "HubSpot knows where webhooks go");
        return;
    }
    show_one(d);
    show_repeats(d);
    bool is_sent = order(d, "POST", "/_emulator/emit",
                         "{\"portal\":1001,\"type\":\"contact.creation\","
                         "\"bad_signature\":true}");
    demo_check(d, is_sent && last_status(d) == 401, -1,
               "one with a wrong signature is refused with 401");
}

void
demo_show_receipt(struct demo *d, const json_t *receipt)
{
    const json_t *erased = json_object_get(receipt, "erased");
    struct str at = answer_text(receipt, "erased_at");
    struct str word = answer_text(receipt, "on_word_of");
    struct str head = answer_text(receipt, "audit_head");
    demo_note(d,
              "the receipt: erased at %.*s on the word of %.*s:", STR_ARG(at),
              STR_ARG(word));
    demo_note(d, "%d data key, %d tokens, %d events, %d ref, %d user",
              (int)answer_number(erased, "data_keys"),
              (int)(answer_number(erased, "access_tokens") +
                    answer_number(erased, "refresh_tokens")),
              (int)answer_number(erased, "events"),
              (int)answer_number(erased, "refs"),
              (int)answer_number(erased, "users"));
    demo_note(d, "audit log %.*s", STR_ARG(head));
}

/* HubSpot's journal, which tells of it, is read every minute; at a reload
 * at once. */
static bool
read_journal(struct demo *d)
{
    json_t *answer;
    struct admin_plain ask = {.is_brief = false};
    if (admin_call(d->admin, ADMIN_RELOAD, &ask, &answer) != CLI_DONE)
        return false;
    json_decref(answer);
    return true;
}

void
demo_show_uninstall(struct demo *d)
{
    demo_heading(d, "Another customer uninstalls the app at HubSpot");
    int64_t began = demo_now_us();
    bool is_done =
        order(
            d, "POST", "/_emulator/uninstall",
            arena_printf(d->arena, "{\"portal\":%d}", DEMO_LEAVING_PORTAL).p) &&
        read_journal(d);
    const struct demo_delivery *told =
        is_done ? demo_backend_wait(d, "portal.erased", DEMO_LEAVING_PORTAL, 1)
                : NULL;
    if (!demo_check(d, told != NULL, told != NULL ? told->at_us - began : -1,
                    "HubSpot's journal tells of it, and %d is erased",
                    DEMO_LEAVING_PORTAL))
        return;
    const struct demo_delivery *before = NULL;
    size_t n = demo_backend_count(d, "portal.uninstalled", DEMO_LEAVING_PORTAL,
                                  &before);
    demo_check(d, n == 1 && told->is_signed, -1,
               "the backend is told: portal.uninstalled, then portal.erased");
    demo_show_receipt(d, json_object_get(told->body, "data"));
}
