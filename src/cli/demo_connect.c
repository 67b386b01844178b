#define _GNU_SOURCE
#include "cli/demo_int.h"

#include "cli/when.h"

#include <stdio.h>

/* Three customers install the app, step by step as OAuth has them. */

#define OWN_MOST_US 2000000 /* the promise: under two seconds */

/* Unix milliseconds of "2026-11-24T15:30:00.123Z"; 0 for anything else. */
static int64_t
read_ms(const struct demo *d, struct str text)
{
    int64_t seconds;
    uint64_t ms;
    if (text.n != 24 || !str_to_u64(str_of(text.p + 20, 3), &ms))
        return 0;
    struct str whole = arena_printf(d->arena, "%.*sZ", 19, text.p);
    return when_parse(whole, 0, &seconds) ? seconds * 1000 + (int64_t)ms : 0;
}

/* When HubSpot was last asked there, unix ms; 0: never. */
static int64_t
asked_at_ms(struct demo *d, const char *ending)
{
    struct demo_answer answer;
    int64_t at = 0;
    demo_emulator(d, "GET", "/_emulator/calls", NULL, &answer);
    const json_t *recent = json_object_get(answer.json, "recent");
    for (size_t i = 0; i < json_array_size(recent); i++) {
        const json_t *call = json_array_get(recent, i);
        if (str_ends(answer_text(call, "name"), str_from(ending)))
            at = read_ms(d, answer_text(call, "at"));
    }
    json_decref(answer.json);
    return at;
}

/* The emulator's clock shows milliseconds: a part may seem to be none. */
static int64_t
span_us(int64_t from_us, int64_t to_us)
{
    return to_us > from_us ? to_us - from_us : 0;
}

/* The last visit taken apart by when HubSpot was asked during it. */
static void
show_return(struct demo *d, const struct demo_visit *v)
{
    int64_t token_us = asked_at_ms(d, "/token") * 1000;
    int64_t looked_us = asked_at_ms(d, "/introspect") * 1000;
    int64_t end_us = v->returned_at_us + v->return_us;
    bool is_token_new = token_us + 1000 > v->returned_at_us;
    demo_check(d, true, span_us(v->returned_at_us, token_us),
               "3 the browser comes back with a code; state and cookie fit");
    demo_check(d, is_token_new, span_us(token_us, looked_us),
               "4 HubSpot gives tokens for the code; they are sealed, stored");
    demo_check(d, looked_us >= token_us, span_us(looked_us, end_us),
               "5 HubSpot says who installed; the customer sees it is done");
}

static bool
make_link(struct demo *d, uint64_t portal, struct str *out)
{
    json_t *answer;
    struct admin_connect ask = {
        .app = STR(DEMO_APP),
        .ref = arena_printf(d->arena, "customer-%d", (int)portal),
        .portal = portal};
    if (admin_call(d->admin, ADMIN_CONNECT, &ask, &answer) != CLI_DONE)
        return false;
    *out = arena_copy(d->arena, answer_text(answer, "url"));
    json_decref(answer);
    return true;
}

static bool
connect_one(struct demo *d, uint64_t portal, int64_t *own_us)
{
    struct str link;
    struct demo_visit v;
    demo_note(d, "account %d", (int)portal);
    if (!make_link(d, portal, &link))
        return demo_check(d, false, -1, "a link to connect with");
    demo_browse(d, link, portal, &v);
    if (v.problem != NULL)
        return demo_check(d, false, -1, "account %d: %s (status %u)",
                          (int)portal, v.problem, v.status);
    demo_check(d, true, v.leave_us,
               "1 portkeep sends the browser to HubSpot, with state and PKCE");
    demo_check(d, true, v.consent_us + v.allow_us,
               "2 HubSpot asks, the customer allows (HubSpot's own time)");
    show_return(d, &v);
    *own_us += v.leave_us + v.return_us;
    return true;
}

/* Seconds that the tokens live which HubSpot gives from now on. */
static void
set_life(struct demo *d, int seconds)
{
    struct demo_answer answer;
    demo_emulator(d, "PUT", "/_emulator/settings",
                  arena_printf(d->arena, "{\"expires_in\":%d}", seconds).p,
                  &answer);
    json_decref(answer.json);
}

bool
demo_connect_all(struct demo *d)
{
    int64_t own_us = 0;
    demo_heading(d, "Three customers connect, each through a browser");
    for (uint64_t i = 0; i < DEMO_PORTALS; i++) {
        uint64_t portal = DEMO_FIRST_PORTAL + i;
        if (portal == DEMO_SHORT_PORTAL)
            set_life(d, DEMO_SHORT_S);
        if (!connect_one(d, portal, &own_us))
            return false;
        d->last_connected_us = demo_now_us();
    }
    set_life(d, 1800);
    return demo_check(d, own_us < OWN_MOST_US, own_us,
                      "portkeep's own time for the three, without HubSpot's "
                      "pages");
}
