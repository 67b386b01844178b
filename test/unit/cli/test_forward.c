#define _GNU_SOURCE
#include "run_cli.h"

#include "base/err.h"
#include "http/server.h"
#include "proto/admin.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * `events forward` between a portkeep and a program, both played by a second
 * process: what it is asked stands in the file "world".  The portkeep gives
 * the test's pages in turn, and then refuses the key, which ends the run.
 */
#define N(array) (sizeof(array) / sizeof((array)[0]))
#define KEY "pkeep_key"
#define EVENT(id)                                                       \
    "{\"type\":\"hubspot.event\",\"id\":\"" id "\",\"portal\":7,"       \
    "\"source\":\"push\",\"state\":\"pending\",\"event\":{\"n\":1.50, " \
    "\"big\":123456789012345678901234567890}}"
#define POSTED(id)                                                \
    "{\"type\":\"hubspot.event\",\"id\":\"" id "\",\"portal\":7," \
    "\"source\":\"push\",\"event\":{\"n\":1.50, "                 \
    "\"big\":123456789012345678901234567890}}"

struct page {
    unsigned status;
    const char *body;
};

struct world {
    struct place *place;
    const struct page *pages;
    size_t n_pages, n_pulled;
    unsigned program_status; /* what the program answers */
    bool hangs_up;           /* on the program's first request */
    uint16_t port;
    pid_t pid;
    FILE *log;
};

static struct world world;

static int
setup(void **state)
{
    world = (struct world){.place = place_open(), .program_status = 204};
    *state = world.place;
    place_write(world.place, "key", KEY "\n");
    return 0;
}

static void
end_world(void)
{
    if (world.pid <= 0)
        return;
    (void)kill(world.pid, SIGTERM);
    (void)waitpid(world.pid, NULL, 0);
    world.pid = 0;
}

static int
teardown(void **state)
{
    end_world();
    place_close(*state);
    return 0;
}

static void
log_request(struct http_exchange *x)
{
    const struct http_head *h = http_request(x);
    struct str body = http_request_body(x);
    (void)fprintf(world.log, "%.*s %.*s\n", STR_ARG(h->method),
                  STR_ARG(h->target));
    for (size_t i = 0; i < h->n_headers; i++)
        (void)fprintf(world.log, "%.*s: %.*s\n", STR_ARG(h->headers[i].name),
                      STR_ARG(h->headers[i].value));
    (void)fprintf(world.log, "\n%.*s\n", STR_ARG(body));
    (void)fflush(world.log);
}

static void
answer_pull(struct http_exchange *x)
{
    static const struct page last = {401,
                                     "{\"detail\":\"The key is revoked.\"}"};
    const struct page *p =
        world.n_pulled < world.n_pages ? &world.pages[world.n_pulled] : &last;
    world.n_pulled++;
    http_respond_text(x, p->status, STR("application/json"), str_from(p->body));
}

static void
on_request(struct http_exchange *x, void *arg)
{
    (void)arg;
    log_request(x);
    if (str_equal(http_request(x)->method, STR("GET"))) {
        answer_pull(x);
    } else if (world.hangs_up) {
        world.hangs_up = false;
        http_abort(x, ERR_CLOSED);
    } else {
        http_respond_text(x, world.program_status, STR("text/plain"), STR(""));
    }
}

static int
listen_anywhere(uint16_t *out_port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &n), 0);
    *out_port = ntohs(at.sin_port);
    return fd;
}

static void
start_world(const struct page *pages, size_t n)
{
    static const struct http_handler handler = {.on_request = on_request};
    struct http_server_setup s = {.handler = &handler, .max_body = 1 << 20};
    world.pages = pages;
    world.n_pages = n;
    s.fd = listen_anywhere(&world.port);
    world.log = fopen(place_path(world.place, "world"), "w");
    assert_non_null(world.log);
    (void)fflush(NULL);
    world.pid = fork();
    assert_true(world.pid >= 0);
    if (world.pid == 0) {
        s.base = event_base_new();
        if (http_server_new(&s) == NULL || event_base_dispatch(s.base) != 0)
            _exit(1);
        _exit(0);
    }
    (void)close(s.fd); /* the other process has it */
    (void)fclose(world.log);
}

static const char *
from_url(void)
{
    static char url[64];
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/", world.port);
    return url;
}

static const char *
to_url(void)
{
    static char url[64];
    (void)snprintf(url, sizeof(url), "http://localhost:%u/hub?x=1", world.port);
    return url;
}

static void
expect_in(const char *text, const char *part)
{
    if (strstr(text, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, text);
}

/* With one more option, or NULL and NULL. */
static void
forward(const char *option, const char *value)
{
    run_cli(world.place, "", "events", "forward", "--from", from_url(),
            "--key-file", "key", "--app", "crm", "--to", to_url(), option,
            value, NULL);
}

static void
posts_each_event_as_the_service_would(void **state)
{
    struct place *p = *state;
    static const struct page pages[] = {
        {200, "{\"events\":[],\"next\":\"c 1\"}"},
        {200, "{\"events\":[" EVENT("evt_1_00") "," EVENT(
                  "evt_1_01") "],\"next\":\"c2\"}"}};
    start_world(pages, N(pages));
    forward("--portal", "7");
    assert_int_equal(p->status, 1);
    assert_string_equal(p->out, "evt_1_00 hubspot.event portal 7: 204\n"
                                "evt_1_01 hubspot.event portal 7: 204\n");
    expect_in(p->err, "refuses the key");
    expect_in(p->err, "The key is revoked.");
    const char *asked = place_read(p, "world");
    expect_in(asked, "GET /v1/apps/crm/events?limit=100&wait=20&portal=7&"
                     "cursor=now\n");
    expect_in(asked, "Authorization: Bearer " KEY "\n");
    expect_in(asked, "cursor=c%201\n");
    expect_in(asked, "cursor=c2\n");
    expect_in(asked, "POST /hub?x=1\n");
    expect_in(asked, "webhook-id: evt_1_00\n");
    expect_in(asked, "webhook-timestamp: 1");
    expect_in(asked, "\n" POSTED("evt_1_00") "\n");
    expect_in(asked, "\n" POSTED("evt_1_01") "\n");
    assert_null(strstr(asked, "webhook-signature"));
    /* The key is for the portkeep, not for the program. */
    const char *post = strstr(asked, "POST");
    const char *key = strstr(post, "Authorization");
    assert_true(key == NULL || key > strstr(post, "\n\n"));
}

static void
signs_with_a_secret_and_says_json(void **state)
{
    struct place *p = *state;
    static const struct page pages[] = {
        {200, "{\"events\":[" EVENT("evt_1_00") "],\"next\":\"c2\"}"}};
    place_write(p, "whsec",
                "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n");
    start_world(pages, N(pages));
    run_cli(p, "", "events", "forward", "--from", from_url(), "--key-file",
            "key", "--app", "crm", "--to", to_url(), "--secret-file", "whsec",
            "--json", "--all", NULL);
    assert_string_equal(p->out,
                        "{\"id\":\"evt_1_00\",\"type\":\"hubspot.event\","
                        "\"portal\":7,\"status\":204}\n");
    expect_in(place_read(p, "world"), "webhook-signature: v1,");
    expect_in(place_read(p, "world"), "/events?limit=100&wait=20\n");
}

static void
goes_on_where_the_state_file_says(void **state)
{
    struct place *p = *state;
    static const struct page pages[] = {
        {200, "{\"events\":[" EVENT("evt_1_00") "],\"next\":\"c2\"}"}};
    start_world(pages, N(pages));
    forward("--state", "how-far");
    assert_string_equal(place_read(p, "how-far"), "c2\n");
    end_world();
    world.n_pulled = 0;
    start_world(pages, 0);
    forward("--state", "how-far");
    expect_in(place_read(p, "world"), "cursor=c2\n");
    assert_string_equal(place_read(p, "how-far"), "c2\n");
}

static void
passes_over_what_the_program_refuses(void **state)
{
    struct place *p = *state;
    static const struct page pages[] = {
        {200, "{\"events\":[" EVENT("evt_1_00") "," EVENT(
                  "evt_1_01") "],\"next\":\"c2\"}"}};
    world.program_status = 500;
    start_world(pages, N(pages));
    forward(NULL, NULL);
    assert_string_equal(p->out, "evt_1_00 hubspot.event portal 7: 500\n"
                                "evt_1_01 hubspot.event portal 7: 500\n");
}

static void
tries_again_what_was_not_answered(void **state)
{
    struct place *p = *state;
    static const struct page pages[] = {
        {503, "{}"},
        {200, "{\"events\":[" EVENT("evt_1_00") "],\"next\":\"c2\"}"}};
    world.hangs_up = true;
    start_world(pages, N(pages));
    forward(NULL, NULL);
    assert_string_equal(p->out, "evt_1_00 hubspot.event portal 7: 204\n");
    expect_in(p->err, "does not answer (an error on its side)");
    expect_in(p->err, "does not answer (closed)");
    expect_in(p->err, "It answers again.");
}

static void
refuses_answers_that_are_no_pages(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *body;
        const char *says;
    } rows[] = {
        {"<html>", "no page"},
        {"{\"events\":[{]}", "no page"},
        {"{\"portals\":[]}", "no page"},
        {"{\"events\":[7],\"next\":\"c\"}", "no event"},
        {"{\"events\":[{\"type\":\"x\"}],\"next\":\"c\"}", "no event"},
    };
    for (size_t i = 0; i < N(rows); i++) {
        struct page page = {200, rows[i].body};
        world.n_pulled = 0;
        start_world(&page, 1);
        forward(NULL, NULL);
        end_world();
        assert_int_equal(p->status, 1);
        expect_in(p->err, rows[i].says);
    }
}

static void
sends_nothing_out_of_the_private_network(void **state)
{
    struct place *p = *state;
    static const struct page pages[] = {
        {200, "{\"events\":[" EVENT("evt_1_00") "],\"next\":\"c2\"}"}};
    start_world(pages, N(pages));
    /* 192.0.2.1 is for documentation: nothing is ever there. */
    run_cli(p, "", "events", "forward", "--from", from_url(), "--key-file",
            "key", "--app", "crm", "--to", "http://192.0.2.1/", NULL);
    assert_int_equal(p->status, 1);
    expect_in(p->err, "not on this machine");
}

static void
says_what_is_wrong_with_its_files(void **state)
{
    struct place *p = *state;
    start_world(NULL, 0);
    place_write(p, "empty", "\n");
    forward("--secret-file", "key");
    assert_int_equal(p->status, 1);
    expect_in(p->err, "whsec_");
    forward("--state", "data/none/x");
    assert_int_equal(p->status, 1);
    run_cli(p, "", "events", "forward", "--from", from_url(), "--key-file",
            "empty", "--app", "crm", "--to", to_url(), NULL);
    assert_int_equal(p->status, 1);
    expect_in(p->err, "empty: ");
}

/* Without --from it is this machine's own, with a key for the run. */
static void
makes_a_key_for_its_own_service_and_revokes_it(void **state)
{
    struct place *p = *state;
    static const struct keeper_answer answers[] = {
        {ADMIN_KEY_CREATE, 0, "{\"number\":9,\"key\":\"pkeep_own\"}", NULL,
         NULL},
        {ADMIN_KEY_REVOKE, 0, "{}", NULL, NULL}};
    char config[1024];
    start_world(NULL, 0);
    (void)snprintf(config, sizeof(config),
                   "[server]\npublic_url = http://localhost:8700\n"
                   "private_listen = 127.0.0.1:%u\n"
                   "admin_socket = admin.sock\nuser = nobody\n"
                   "[store]\nurl = sqlite:data/portkeep.db\n"
                   "master_key = file:master.key\n"
                   "[app crm]\nclient_id = 1\n"
                   "client_secret = file:crm.secret\nscopes = oauth\n",
                   world.port);
    place_write(p, "portkeep.conf", config);
    keeper_start(p, answers, N(answers));
    run_cli(p, "", "events", "forward", "--to", to_url(), NULL);
    assert_int_equal(p->status, 1);
    expect_in(place_read(p, "world"), "Authorization: Bearer pkeep_own\n");
    expect_in(place_read(p, "world"), "GET /v1/apps/crm/events");
    const char *asks = keeper_asks(p);
    expect_in(asks, "apps=crm portals= verbs=64 ");
    expect_in(asks, "admin_name name=9\n");
}

int
main(void)
{
#define PLACED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        PLACED(posts_each_event_as_the_service_would),
        PLACED(signs_with_a_secret_and_says_json),
        PLACED(goes_on_where_the_state_file_says),
        PLACED(passes_over_what_the_program_refuses),
        PLACED(tries_again_what_was_not_answered),
        PLACED(refuses_answers_that_are_no_pages),
        PLACED(sends_nothing_out_of_the_private_network),
        PLACED(says_what_is_wrong_with_its_files),
        PLACED(makes_a_key_for_its_own_service_and_revokes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
