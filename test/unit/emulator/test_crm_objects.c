#include "ask.h"

#include "emulator/crm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CONTACTS "/crm/v3/objects/contacts"

/* The text of the ready-made static token of portal 1001. */
static const char *
pat(struct world *w)
{
    return w->grants.first->tokens->text.p;
}

static json_t *
do_ask(struct world *w, const char *method, const char *path, const char *body,
       unsigned status)
{
    struct ask a = {
        .method = method, .path = path, .body = body, .bearer = pat(w)};
    return ask_json(w, &a, status);
}

static json_t *
make_contact(struct world *w, const char *email)
{
    struct arena *arena = arena_new();
    struct str body =
        arena_printf(arena, "{\"properties\":{\"email\":\"%s\"}}", email);
    json_t *made = do_ask(w, "POST", CONTACTS, body.p, 201);
    arena_free(arena);
    return made;
}

static const char *
property(const json_t *record, const char *name)
{
    return ask_text(json_object_get(record, "properties"), name);
}

static void
has_the_same_records_for_the_same_seed(void **state)
{
    (void)state;
    struct world *a = ask_world(), *b = ask_world();
    json_t *x = do_ask(a, "GET", CONTACTS "?limit=100", NULL, 200);
    json_t *y = do_ask(b, "GET", CONTACTS "?limit=100", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(x, "results")), 8);
    assert_true(json_equal(x, y));
    json_decref(y);
    /* Another portal has others. */
    struct ask other = {.method = "GET",
                        .path = CONTACTS "?limit=100",
                        .bearer = a->grants.first->next->tokens->text.p};
    y = ask_json(a, &other, 200);
    assert_false(json_equal(x, y));
    json_decref(x);
    json_decref(y);
    world_free(a);
    world_free(b);
}

static void
goes_through_all_pages_once(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    size_t n = 0, pages = 0;
    struct str path = STR(CONTACTS "?limit=3");
    uint64_t last = 0;
    while (path.p != NULL) {
        json_t *page = do_ask(w, "GET", path.p, NULL, 200), *one;
        size_t i;
        json_array_foreach(json_object_get(page, "results"), i, one)
        {
            uint64_t id = json_u64_at(one, "id", 0);
            assert_true(id > last);
            last = id;
            n++;
        }
        const json_t *next =
            json_object_get(json_object_get(page, "paging"), "next");
        path = next == NULL ? STR_NONE
                            : arena_printf(arena, CONTACTS "?limit=3&after=%s",
                                           ask_text(next, "after"));
        json_decref(page);
        pages++;
    }
    assert_int_equal(n, 8);
    assert_int_equal(pages, 3);
    arena_free(arena);
    world_free(w);
}

static void
refuses_values_that_hubspot_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *property, *value, *code;
    } cases[] = {
        {"colour", "\"red\"", "PROPERTY_DOESNT_EXIST"},
        {"email", "\"nobody\"", "INVALID_EMAIL"},
        {"createdate", "\"2026-01-01\"", "READ_ONLY_VALUE"},
        {"hs_object_id", "\"5\"", "READ_ONLY_VALUE"},
        {"lifecyclestage", "\"king\"", "INVALID_OPTION"},
        {"hubspot_owner_id", "\"me\"", "INVALID_NUMBER"},
    };
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct str body = arena_printf(arena, "{\"properties\":{\"%s\":%s}}",
                                       cases[i].property, cases[i].value);
        json_t *answer = do_ask(w, "POST", CONTACTS, body.p, 400);
        const json_t *error =
            json_array_get(json_object_get(answer, "errors"), 0);
        assert_string_equal(ask_text(answer, "category"), "VALIDATION_ERROR");
        assert_string_equal(ask_text(error, "code"), cases[i].code);
        json_decref(answer);
    }
    arena_free(arena);
    world_free(w);
}

static void
refuses_a_second_record_with_a_unique_value(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_t *first = make_contact(w, "ada@x.example");
    json_t *answer =
        do_ask(w, "POST", CONTACTS,
               "{\"properties\":{\"email\":\"ADA@x.example\"}}", 409);
    assert_string_equal(ask_text(answer, "category"), "CONFLICT");
    assert_non_null(strstr(ask_text(answer, "message"), ask_text(first, "id")));
    json_decref(answer);

    /* Once it is archived, its value is free. */
    struct arena *arena = arena_new();
    struct str path =
        arena_printf(arena, CONTACTS "/%s", ask_text(first, "id"));
    assert_null(do_ask(w, "DELETE", path.p, NULL, 204));
    json_decref(make_contact(w, "ada@x.example"));
    json_decref(first);
    arena_free(arena);
    world_free(w);
}

static void
reads_by_email_and_shows_what_was_asked_for(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_decref(make_contact(w, "ada@x.example"));
    json_t *read = do_ask(w, "GET",
                          CONTACTS "/Ada%40X.example?idProperty=email&"
                                   "properties=email,phone&properties=city",
                          NULL, 200);
    const json_t *properties = json_object_get(read, "properties");
    assert_string_equal(property(read, "email"), "ada@x.example");
    assert_true(json_is_null(json_object_get(properties, "phone")));
    assert_true(json_is_null(json_object_get(properties, "city")));
    assert_null(json_object_get(properties, "firstname"));
    assert_non_null(json_object_get(properties, "hs_object_id"));
    json_decref(read);
    world_free(w);
}

static void
changes_some_values_and_takes_others_away(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    json_t *made = make_contact(w, "ada@x.example");
    struct str path = arena_printf(arena, CONTACTS "/%s", ask_text(made, "id"));
    ask_wait(1000);
    json_decref(do_ask(w, "PATCH", path.p,
                       "{\"properties\":{\"phone\":\"1\",\"city\":\"Cork\"}}",
                       200));
    json_t *changed =
        do_ask(w, "PATCH", path.p, "{\"properties\":{\"phone\":\"\"}}", 200);
    assert_string_equal(property(changed, "city"), "Cork");
    assert_null(
        json_object_get(json_object_get(changed, "properties"), "phone"));
    assert_string_equal(ask_text(changed, "createdAt"),
                        ask_text(made, "createdAt"));
    assert_string_not_equal(ask_text(changed, "updatedAt"),
                            ask_text(made, "updatedAt"));
    json_decref(
        do_ask(w, "PATCH", CONTACTS "/999999", "{\"properties\":{}}", 404));
    json_decref(changed);
    json_decref(made);
    arena_free(arena);
    world_free(w);
}

static void
answers_a_batch_with_207_when_some_of_it_failed(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_t *answer =
        do_ask(w, "POST", CONTACTS "/batch/read",
               "{\"inputs\":[{\"id\":\"105\"},{\"id\":\"9999\"}]}", 207);
    assert_int_equal(json_array_size(json_object_get(answer, "results")), 1);
    assert_int_equal(json_integer_value(json_object_get(answer, "numErrors")),
                     1);
    json_decref(answer);
    json_decref(do_ask(w, "POST", CONTACTS "/batch/read",
                       "{\"inputs\":[{\"id\":\"105\"}]}", 200));
    world_free(w);
}

#define BAD_BATCH(trace)                                                \
    "{\"inputs\":[{\"properties\":{\"email\":\"good@x.example\"}" trace \
    "},{\"properties\":{\"email\":\"bad\"}" trace "}]}"

static void
refuses_a_batch_whole_unless_its_inputs_are_traced(void **state)
{
    (void)state;
    struct world *w = ask_world();
    uint64_t before = crm_of(w, w->accounts.v[0])->last_id;
    json_decref(
        do_ask(w, "POST", CONTACTS "/batch/create", BAD_BATCH(""), 400));
    assert_int_equal(crm_of(w, w->accounts.v[0])->last_id, before);
    json_t *answer = do_ask(w, "POST", CONTACTS "/batch/create",
                            BAD_BATCH(",\"objectWriteTraceId\":\"t\""), 207);
    assert_int_equal(json_array_size(json_object_get(answer, "results")), 1);
    json_decref(answer);
    world_free(w);
}

static void
upserts_by_a_unique_property(void **state)
{
    (void)state;
    struct world *w = ask_world();
    const char *body = "{\"inputs\":[{\"id\":\"u@x.example\",\"idProperty\":"
                       "\"email\",\"properties\":{\"city\":\"Cork\"}}]}";
    for (int i = 0; i < 2; i++) {
        json_t *answer = do_ask(w, "POST", CONTACTS "/batch/upsert", body, 200);
        const json_t *one =
            json_array_get(json_object_get(answer, "results"), 0);
        assert_int_equal(json_is_true(json_object_get(one, "new")), i == 0);
        assert_string_equal(property(one, "email"), "u@x.example");
        json_decref(answer);
    }
    world_free(w);
}

static void
connects_both_ways_and_lets_go_with_the_record(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct arena *arena = arena_new();
    json_t *made = make_contact(w, "ada@x.example");
    const char *id = ask_text(made, "id");
    json_decref(do_ask(w, "PUT",
                       arena_printf(arena,
                                    "/crm/v4/objects/contacts/%s/associations/"
                                    "default/deals/113",
                                    id)
                           .p,
                       NULL, 200));
    struct record *deal = crm_find(w->accounts.v[0]->crm, CRM_DEAL, 113);
    struct record *contact = crm_find(w->accounts.v[0]->crm, CRM_CONTACT,
                                      json_u64_at(made, "id", 0));
    assert_true(crm_is_connected(contact, deal));
    assert_true(crm_is_connected(deal, contact));
    json_t *links =
        do_ask(w, "GET",
               arena_printf(
                   arena, "/crm/v4/objects/contacts/%s/associations/deals", id)
                   .p,
               NULL, 200);
    assert_int_equal(json_array_size(json_object_get(links, "results")), 1);
    json_decref(links);
    size_t n = deal->n_links;
    assert_null(do_ask(w, "DELETE", arena_printf(arena, CONTACTS "/%s", id).p,
                       NULL, 204));
    assert_int_equal(deal->n_links, n - 1);
    json_decref(made);
    arena_free(arena);
    world_free(w);
}

static void
leaves_nothing_after_a_privacy_deletion(void **state)
{
    (void)state;
    struct world *w = ask_world();
    json_decref(make_contact(w, "ada@x.example"));
    assert_null(do_ask(w, "POST", CONTACTS "/gdpr-delete",
                       "{\"objectId\":\"ada@x.example\","
                       "\"idProperty\":\"email\"}",
                       204));
    json_t *archived = do_ask(w, "GET", CONTACTS "?archived=true", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(archived, "results")), 0);
    json_decref(archived);
    json_decref(do_ask(w, "GET", CONTACTS "/ada%40x.example?idProperty=email",
                       NULL, 404));
    world_free(w);
}

static void
sorts_a_search_and_pages_through_it(void **state)
{
    (void)state;
    struct world *w = ask_world();
    double last = 1e9;
    for (unsigned after = 0; after < 4; after += 2) {
        struct arena *arena = arena_new();
        struct str body = arena_printf(
            arena,
            "{\"sorts\":[{\"propertyName\":\"amount\",\"direction\":"
            "\"DESCENDING\"}],\"properties\":[\"amount\"],\"limit\":2,"
            "\"after\":\"%u\"}",
            after);
        json_t *page =
            do_ask(w, "POST", "/crm/objects/2026-09/deals/search", body.p, 200);
        size_t i;
        json_t *one;
        assert_int_equal(json_integer_value(json_object_get(page, "total")), 4);
        json_array_foreach(json_object_get(page, "results"), i, one)
        {
            double amount = strtod(property(one, "amount"), NULL);
            assert_true(amount <= last);
            last = amount;
        }
        assert_int_equal(json_object_get(page, "paging") != NULL, after == 0);
        json_decref(page);
        arena_free(arena);
    }
    json_decref(do_ask(w, "POST", CONTACTS "/search", "{\"limit\":201}", 400));
    json_decref(
        do_ask(w, "POST", CONTACTS "/search", "{\"after\":\"10000\"}", 400));
    world_free(w);
}

static void
names_the_scope_that_is_missing(void **state)
{
    (void)state;
    struct world *w = ask_world();
    struct str scope = STR("crm.objects.contacts.read");
    struct grant *g = grants_add_private(w, STR("reader"), w->accounts.v[0],
                                         (struct strs){&scope, 1});
    struct ask a = {.method = "GET",
                    .path = CONTACTS,
                    .bearer = token_new(w, g, TOKEN_STATIC)->text.p};
    json_decref(ask_json(w, &a, 200));
    a.method = "POST";
    a.body = "{\"properties\":{}}";
    json_t *answer = ask_json(w, &a, 403);
    const json_t *error = json_array_get(json_object_get(answer, "errors"), 0);
    const json_t *names = json_object_get(json_object_get(error, "context"),
                                          "requiredGranularScopes");
    assert_string_equal(ask_text(answer, "category"), "MISSING_SCOPES");
    assert_string_equal(json_string_value(json_array_get(names, 0)),
                        "crm.objects.contacts.write");
    json_decref(answer);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_same_records_for_the_same_seed),
        cmocka_unit_test(goes_through_all_pages_once),
        cmocka_unit_test(refuses_values_that_hubspot_refuses),
        cmocka_unit_test(refuses_a_second_record_with_a_unique_value),
        cmocka_unit_test(reads_by_email_and_shows_what_was_asked_for),
        cmocka_unit_test(changes_some_values_and_takes_others_away),
        cmocka_unit_test(answers_a_batch_with_207_when_some_of_it_failed),
        cmocka_unit_test(refuses_a_batch_whole_unless_its_inputs_are_traced),
        cmocka_unit_test(upserts_by_a_unique_property),
        cmocka_unit_test(connects_both_ways_and_lets_go_with_the_record),
        cmocka_unit_test(leaves_nothing_after_a_privacy_deletion),
        cmocka_unit_test(sorts_a_search_and_pages_through_it),
        cmocka_unit_test(names_the_scope_that_is_missing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
