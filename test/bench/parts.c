#include "hubspot/events.h"
#include "hubspot/signatures.h"
#include "keeper/vault.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * What the parts of taking a webhook cost by themselves, on a body as
 * bench-post sends it: its signature, its JSON and dedupe keys, its seal.
 *
 *     bench-parts SECONDS
 *
 * Prints CPU microseconds a request as one line of JSON.
 */
#define EVENTS 10

static struct buf body;
static uint8_t dedupe_secret[32];
static struct secret *data_key;
static struct signature signature;
static const struct hidden client_secret = {
    {"11111111-2222-3333-4444-555555555555", 36}};
static const struct str uri = {"https://keep.example.com/webhooks/crm-sync",
                               42};

static void
stop(const char *what)
{
    (void)fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void
make_body(void)
{
    buf_init(&body, 65536);
    for (unsigned i = 0; i < EVENTS; i++)
        buf_addf(&body,
                 "%c{\"eventId\":%u,\"subscriptionId\":12,\"portalId\":1000001,"
                 "\"appId\":42,\"occurredAt\":1795555555000,"
                 "\"subscriptionType\":\"contact.propertyChange\","
                 "\"attemptNumber\":0,\"objectId\":%u,\"changeSource\":"
                 "\"CRM_UI\",\"propertyName\":\"lastname\","
                 "\"propertyValue\":\"Nobody in particular, of the length that "
                 "people's names and notes have\",\"sourceId\":\"userId:123\"}",
                 i > 0 ? ',' : '[', 1000000 + i, 500 + i);
    buf_add_char(&body, ']');
}

static void
make_signature(void)
{
    struct buf auto_buf value;
    struct signature_input input = {.secret = client_secret,
                                    .uri = uri,
                                    .request = {STR("POST"), buf_str(&body)},
                                    .timestamp_ms = 1795555555000};
    buf_init(&value, 128);
    signature_make(SIGNATURE_V3, &input, &value);
    struct signature_headers headers = {.v3 = buf_str(&value),
                                        .timestamp = STR("1795555555000")};
    if (signature_read(&headers, &signature) != ERR_OK)
        stop("reading the signature");
}

static void
do_hmac(struct arena *arena)
{
    struct signature_candidates candidates = {&client_secret, 1, &uri, 1};
    struct signature_request request = {STR("POST"), buf_str(&body)};
    struct signature_match match;
    (void)arena;
    if (signature_check(&signature, &candidates, &request, &match) != ERR_OK)
        stop("the signature");
}

static void
do_json(struct arena *arena)
{
    struct events events;
    uint8_t key[EVENT_KEY_LEN];
    if (events_read(buf_str(&body), 100, arena, &events) != ERR_OK ||
        events.n != EVENTS)
        stop("reading the events");
    for (size_t i = 0; i < events.n; i++)
        event_dedupe_key(&events.v[i], dedupe_secret, key);
}

static void
do_seal(struct arena *arena)
{
    struct buf auto_buf sealed;
    struct seal_place place = {.app = STR("crm-sync"),
                               .portal = 1000001,
                               .generation = 1,
                               .kind = STR("body")};
    (void)arena;
    buf_init(&sealed, 65536);
    if (vault_seal(data_key, &place, HIDDEN(buf_str(&body)), &sealed) != ERR_OK)
        stop("sealing");
}

static double
cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* always there */
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double
cost_us(void (*part)(struct arena *), double for_s, struct arena *arena)
{
    uint64_t n = 0;
    double from = cpu_s(), now;
    do {
        for (int i = 0; i < 100; i++, n++) {
            part(arena);
            arena_clear(arena);
        }
        now = cpu_s();
    } while (now - from < for_s);
    return (now - from) * 1e6 / (double)n;
}

int
main(int argc, char **argv)
{
    struct arena *arena = arena_new();
    uint8_t random[DATA_KEY_BYTES];
    if (argc != 2 || sodium_init() < 0 || slab_open(64) != ERR_OK) {
        (void)fprintf(stderr, "usage: %s SECONDS\n", argv[0]);
        return 2;
    }
    double for_s = strtod(argv[1], NULL) / 3;
    randombytes_buf(random, sizeof(random));
    data_key = secret_new(HIDDEN(str_of((const char *)random, sizeof(random))));
    make_body();
    make_signature();
    (void)printf("{\"bytes\":%zu,\"hmac_us\":%.2f,", body.n,
                 cost_us(do_hmac, for_s, arena));
    (void)printf("\"json_us\":%.2f,", cost_us(do_json, for_s, arena));
    (void)printf("\"seal_us\":%.2f}\n", cost_us(do_seal, for_s, arena));
    secret_free(data_key);
    buf_done(&body);
    arena_free(arena);
    return 0;
}
