#include "ask.h"

#include "emulator/news.h"
#include "emulator/signing.h"
#include "emulator/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void
targets_are_on_this_machine(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool is_good;
    } cases[] = {
        {"http://localhost/x", true},
        {"https://127.9.8.7:1/x?y", true},
        {"http://[::1]:80/", true},
        {"http://localhost.example.com/", false},
        {"http://128.0.0.1/", false},
        {"http://0.0.0.0/", false},
        {"http://[::2]/", false},
        {"http://127.0.0.1.example.com/", false},
        {"http://user@127.0.0.1/", false},
        {"ftp://127.0.0.1/", false},
        {"127.0.0.1", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (target_is_good(str_from(cases[i].url)) != cases[i].is_good)
            fail_msg("%s", cases[i].url);
    }
}

static void
versions_are_read_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
        unsigned versions;
    } cases[] = {
        {"v1,v3", true, SIGN_V1 | SIGN_V3},
        {"v3", true, SIGN_V3},
        {"v2, v3", true, SIGN_V2 | SIGN_V3},
        {"none", true, 0},
        {"v1,v2", false, 0},
        {"v4", false, 0},
        {"v3,", false, 0},
        {"V3", false, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        unsigned versions = 0;
        bool is_good =
            signing_read_versions(str_from(cases[i].text), &versions);
        if (is_good != cases[i].is_good ||
            (is_good && versions != cases[i].versions))
            fail_msg("%s", cases[i].text);
    }
}

/* Where a target is set and one app is connected. */
static struct world *
listening_world(const char *scope)
{
    struct world *w = ask_world();
    struct str scopes[] = {STR("oauth"), str_from(scope)};
    memcpy(w->settings.webhook_url, "http://localhost/x", 19);
    struct app *app = apps_meet(&w->apps, STR("crm"));
    grants_connect(w, app->client_id, accounts_find(&w->accounts, 1001),
                   (struct strs){scopes, 2});
    return w;
}

static struct happening
creation(uint64_t portal)
{
    return (struct happening){.kind = HAPPENING_CREATION,
                              .portal = portal,
                              .type = crm_type_of(CRM_CONTACT),
                              .object_id = 5,
                              .source = STR("CRM_UI")};
}

static void
apps_hear_of_their_portals_and_scopes_alone(void **state)
{
    (void)state;
    static const struct {
        const char *scope;
        uint64_t portal;
        uint64_t n;
    } cases[] = {
        {"crm.objects.contacts.read", 1001, 1},
        {"contacts", 1001, 1},
        {"crm.objects.deals.read", 1001, 0},
        {"crm.objects.contacts.read", 1002, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct world *w = listening_world(cases[i].scope);
        struct happening h = creation(cases[i].portal);
        news_tell(w, &h);
        assert_int_equal(w->outbox.n_held, cases[i].n);
        world_free(w);
    }
    struct world *w = listening_world("crm.objects.contacts.read");
    struct happening h = creation(1001);
    w->settings.webhook_url[0] = '\0';
    news_tell(w, &h); /* to nowhere */
    assert_int_equal(w->outbox.n_held, 0);
    world_free(w);
}

static void
event_numbers_count_in_each_portal(void **state)
{
    (void)state;
    struct world *w = ask_world();
    assert_int_equal(news_event_id(w, 1001), 1);
    assert_int_equal(news_event_id(w, 1001), 2);
    assert_int_equal(news_event_id(w, 1002), 1);
    assert_int_equal(news_event_id(w, 7), 1); /* there is no such account */
    assert_int_equal(news_event_id(w, 7), 2);
    world_free(w);
}

/* A folder of an app with this file of webhooks; the app's path. */
static struct str
app_folder(struct arena *arena, const char *webhooks)
{
    char folder[] = "/tmp/emulator-app-XXXXXX";
    assert_non_null(mkdtemp(folder));
    struct str sub = arena_printf(arena, "%s/webhooks", folder);
    assert_int_equal(mkdir(sub.p, 0700), 0);
    struct str path = arena_printf(arena, "%s/webhooks-hsmeta.json", sub.p);
    FILE *f = fopen(path.p, "w");
    assert_non_null(f);
    assert_true(fputs(webhooks, f) >= 0);
    assert_int_equal(fclose(f), 0);
    struct str app = arena_printf(arena, "%s/app-hsmeta.json", folder);
    return app;
}

static void
remove_folder(struct arena *arena, struct str app)
{
    size_t n = app.n - strlen("/app-hsmeta.json");
    struct str sub = arena_printf(arena, "%.*s/webhooks", (int)n, app.p);
    (void)unlink(arena_printf(arena, "%s/webhooks-hsmeta.json", sub.p).p);
    (void)rmdir(sub.p);
    (void)rmdir(arena_printf(arena, "%.*s", (int)n, app.p).p);
}

#define FILE_OF(subscriptions)                                        \
    "{\"type\":\"webhooks\",\"config\":{\"settings\":{\"targetUrl\":" \
    "\"https://a.example/\",\"maxConcurrentRequests\":20},"           \
    "\"subscriptions\":" subscriptions "}}"

static void
files_of_subscriptions_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        enum err e;
        size_t n;
    } cases[] = {
        {FILE_OF("{}"), ERR_OK, 0},
        {FILE_OF("{\"crmObjects\":[{\"subscriptionType\":\"object.merge\","
                 "\"objectType\":\"company\"}],\"hubEvents\":["
                 "{\"subscriptionType\":\"contact.privacyDeletion\"},"
                 "{\"subscriptionType\":\"conversation.creation\"}]}"),
         ERR_OK, 2},
        {FILE_OF("{\"crmObjects\":[{\"subscriptionType\":\"object.merge\","
                 "\"objectName\":\"company\",\"active\":false}]}"),
         ERR_OK, 0},
        {FILE_OF("{\"legacyCrmObjects\":[{\"subscriptionType\":\"x\"}]}"),
         ERR_CONFIG, 0},
        {FILE_OF("{\"legacyCrmObjects\":[{}]}"), ERR_CONFIG, 0},
        {"{\"type\":\"app\"}", ERR_CONFIG, 0},
        {"{", ERR_CONFIG, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena *arena = arena_new();
        struct subscriptions all = {0};
        struct buf auto_buf why;
        buf_init(&why, 4096);
        struct str app = app_folder(arena, cases[i].file);
        enum err e = subscriptions_read(&all, app.p, &why);
        remove_folder(arena, app);
        if (e != cases[i].e || (e == ERR_OK && all.n != cases[i].n))
            fail_msg("case %zu: %s", i, buf_text(&why));
        assert_int_equal(e == ERR_OK, why.n == 0);
        subscriptions_done(&all);
        arena_free(arena);
    }
    struct subscriptions none = {0};
    struct buf auto_buf why;
    buf_init(&why, 4096);
    assert_int_equal(subscriptions_read(&none, "/nowhere/app.json", &why),
                     ERR_OK);
    assert_false(none.is_declared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_are_on_this_machine),
        cmocka_unit_test(versions_are_read_strictly),
        cmocka_unit_test(apps_hear_of_their_portals_and_scopes_alone),
        cmocka_unit_test(event_numbers_count_in_each_portal),
        cmocka_unit_test(files_of_subscriptions_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
