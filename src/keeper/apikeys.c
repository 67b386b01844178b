#include "keeper/apikeys.h"

#include "base/apikey.h"
#include "base/text.h"
#include "keeper/answer.h"
#include "keeper/apps.h"
#include "keeper/audit.h"
#include "keeper/keeper.h"
#include "keeper/page.h"
#include "keeper/peers.h"
#include "keeper/revoke.h"
#include "keeper/seal.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>

static const struct field api_key_fields[] = {
    FIELD(struct api_key, number),       FIELD(struct api_key, name),
    FIELD(struct api_key, apps),         FIELD(struct api_key, portals),
    FIELD(struct api_key, verbs),        FIELD(struct api_key, addresses),
    FIELD(struct api_key, ends_at),      FIELD(struct api_key, created_at),
    FIELD(struct api_key, last_used_at),
};
const struct record api_key_record = RECORD(api_key);

struct counter {
    uint64_t n;
};
static const struct field counter_fields[] = {
    FIELD(struct counter, n),
};
static const struct record counter_record = RECORD(counter);

#define USE_NOTED_S 60
#define KEYS_MAX 1000 /* one list shows them all, and finds each */
#define LIST_MAX 100  /* entries of each of a key's lists */

static const struct {
    const char *name;
    uint32_t verb;
} verb_names[] = {
    {"token", VERB_TOKEN},         {"call", VERB_CALL},
    {"call:read", VERB_CALL_READ}, {"connect", VERB_CONNECT},
    {"portals", VERB_PORTALS},     {"disconnect", VERB_DISCONNECT},
    {"events", VERB_EVENTS},       {"verify", VERB_VERIFY},
};

static bool
parse_address(struct str text, uint8_t out[static 16], size_t *out_len)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};
    char copy[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof(copy))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET, copy, out) == 1)
        *out_len = 4;
    else if (inet_pton(AF_INET6, copy, out) == 1)
        *out_len = 16;
    else
        return false;
    /* ::ffff:10.0.0.1 is how a socket for both says 10.0.0.1. */
    if (*out_len == 16 && memcmp(out, mapped, sizeof(mapped)) == 0) {
        memmove(out, out + sizeof(mapped), 4);
        *out_len = 4;
    }
    return true;
}

bool
apikey_address_is_in(struct str address, struct str cidr)
{
    uint8_t a[16], b[16];
    size_t a_len, b_len;
    struct str bits_text = cidr, net;
    uint64_t bits;
    if (!str_cut(&bits_text, '/', &net) || !parse_address(address, a, &a_len) ||
        !parse_address(net, b, &b_len) || a_len != b_len)
        return false;
    bits = a_len * 8;
    if (bits_text.p != NULL &&
        (!str_to_u64(bits_text, &bits) || bits > a_len * 8))
        return false;
    size_t whole = bits / 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static bool
allows_address(const struct api_key *key, struct str address)
{
    for (size_t i = 0; i < key->addresses.n; i++)
        if (apikey_address_is_in(address, key->addresses.v[i]))
            return true;
    return key->addresses.n == 0;
}

static bool
allows_portal(struct turn *t, const struct api_key *key, uint64_t portal)
{
    struct str text = arena_printf(turn_arena(t), "%" PRIu64, portal);
    return key->portals.n == 0 || portal == 0 || strs_have(key->portals, text);
}

static bool
allows_verb(const struct api_key *key, uint32_t verb)
{
    if (verb == VERB_CALL)
        return (key->verbs & (VERB_CALL | VERB_CALL_READ)) != 0;
    return (key->verbs & verb) != 0;
}

static enum err
judge(struct turn *t, const struct key_wish *wish, const struct api_key *key,
      struct str *out_detail)
{
    if (key->ends_at != 0 && key->ends_at <= turn_now_s(t)) {
        *out_detail = STR("This API key has ended. Create a new one with "
                          "portkeep keys create.");
        return ERR_UNAUTHORIZED;
    }
    if (!allows_address(key, wish->address))
        *out_detail = STR("This API key may not be used from this address.");
    else if (key->apps.n > 0 && !strs_have(key->apps, wish->app))
        *out_detail = STR("This API key is for other apps.");
    else if (!allows_portal(t, key, wish->portal))
        *out_detail = STR("This API key is for other portals.");
    else if (!allows_verb(key, wish->verb))
        *out_detail =
            STR("This API key does not have the verb that this call needs.");
    else
        return ERR_OK;
    return ERR_FORBIDDEN;
}

struct str
apikey_actor(struct turn *t, const struct api_key *key)
{
    return arena_printf(turn_arena(t), "key:%" PRIu64, key->number);
}

static struct str
number_tag(struct turn *t, uint64_t number)
{
    return arena_printf(turn_arena(t), "%" PRIu64, number);
}

static void
store_key(struct turn *t, struct str row, const struct api_key *key)
{
    turn_put(t, STORE_API_KEYS, row, &api_key_record, key, STORE_NEVER,
             number_tag(t, key->number));
}

enum err
apikey_check(struct turn *t, const struct key_wish *wish, struct api_key *out,
             struct str *out_detail)
{
    struct str row = seal_hash(t, wish->credential.s);
    bool is_there = turn_get(t, STORE_API_KEYS, row, &api_key_record, out);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (!is_there) {
        *out_detail = STR("This API key is unknown or was revoked.");
        return ERR_UNAUTHORIZED;
    }
    return judge(t, wish, out, out_detail);
}

enum err
apikey_authorize(struct turn *t, const struct key_wish *wish,
                 struct api_key *out, struct str *out_detail)
{
    struct str row = seal_hash(t, wish->credential.s);
    enum err e = apikey_check(t, wish, out, out_detail);
    if (e == ERR_OK && turn_now_s(t) - out->last_used_at >= USE_NOTED_S) {
        out->last_used_at = turn_now_s(t);
        store_key(t, row, out);
    }
    return e;
}

static void
add_key(struct doc *d, const struct api_key *key)
{
    doc_open(d, '{');
    doc_field_u64(d, "number", key->number);
    doc_field_str(d, "name", key->name);
    doc_field_strs(d, "apps", key->apps);
    doc_field_strs(d, "portals", key->portals);
    doc_key(d, "verbs");
    doc_open(d, '[');
    for (size_t i = 0; i < sizeof(verb_names) / sizeof(verb_names[0]); i++)
        if ((key->verbs & verb_names[i].verb) != 0)
            doc_str(d, str_from(verb_names[i].name));
    doc_close(d, ']');
    doc_field_strs(d, "addresses", key->addresses);
    doc_field_time(d, "ends_at", key->ends_at);
    doc_field_time(d, "created_at", key->created_at);
    doc_field_time(d, "last_used_at", key->last_used_at);
}

static struct str
uid_actor(struct turn *t)
{
    uint32_t uid = peers_uid(turn_keeper(t)->peers, turn_peer(t));
    return arena_printf(turn_arena(t), "uid:%u", uid);
}

static const struct store_ask *
find_all(struct turn *t)
{
    return turn_find(t, &(struct store_ask){.table = STORE_API_KEYS,
                                            .by = STORE_BY_PREFIX,
                                            .limit = KEYS_MAX});
}

static const char *
find_list_fault(struct turn *t, const struct admin_key_create *ask)
{
    uint64_t n;
    if (ask->portals.n > LIST_MAX || ask->apps.n > LIST_MAX ||
        ask->addresses.n > LIST_MAX)
        return "A key names at most 100 apps, portals and addresses each.";
    for (size_t i = 0; i < ask->portals.n; i++)
        if (!str_to_u64(ask->portals.v[i], &n) || n == 0)
            return "A portal is a number, such as 1234567.";
    for (size_t i = 0; i < ask->apps.n; i++)
        if (apps_find(turn_keeper(t)->apps, ask->apps.v[i]) == NULL)
            return "The key names an app that the configuration does not "
                   "have.";
    for (size_t i = 0; i < ask->addresses.n; i++) {
        struct str rest = ask->addresses.v[i], net;
        if (!str_cut(&rest, '/', &net) ||
            !apikey_address_is_in(net, ask->addresses.v[i]))
            return "An address is an IP address or a range such as "
                   "10.0.0.0/8.";
    }
    return NULL;
}

static const char *
find_fault(struct turn *t, const struct admin_key_create *ask)
{
    uint64_t n;
    if (ask->name.n == 0 || ask->name.n > LIMIT_APP ||
        !text_is_clean(ask->name))
        return "A key needs a name of 1 to 64 printable characters.";
    if (str_to_u64(ask->name, &n))
        return "A key's name is no number: keys revoke takes either.";
    if (ask->verbs == 0)
        return "A key needs at least one verb: token, call, call:read, "
               "connect, portals, disconnect, events, verify.";
    if (ask->ends_at != 0 && ask->ends_at <= turn_now_s(t))
        return "The end date is in the past.";
    return find_list_fault(t, ask);
}

enum err
do_key_create(struct turn *t, const void *ask)
{
    const struct admin_key_create *a = ask;
    struct buf auto_buf text = {0}, json = {0};
    struct counter last = {0};
    const char *fault = find_fault(t, a);
    const struct store_ask *all = find_all(t);
    (void)turn_get(t, STORE_META, STR("api-keys"), &counter_record, &last);
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (fault == NULL && all->n_rows == KEYS_MAX)
        fault = "There are 1,000 API keys already. Revoke some first.";
    if (fault != NULL) {
        answer_refusal(t, answer_waiter(t),
                       &(struct refusal_text){.err = ERR_INVALID,
                                              .detail = str_from(fault)});
        return ERR_OK;
    }
    struct api_key key = {.number = ++last.n,
                          .name = a->name,
                          .apps = a->apps,
                          .portals = a->portals,
                          .verbs = a->verbs,
                          .addresses = a->addresses,
                          .ends_at = a->ends_at,
                          .created_at = turn_now_s(t)};
    buf_init_secret(&text, 128);
    buf_init_secret(&json, LIMIT_API_BODY);
    apikey_make(turn_keeper(t)->env, &text);
    store_key(t, seal_hash(t, buf_str(&text)), &key);
    turn_put(t, STORE_META, STR("api-keys"), &counter_record, &last,
             STORE_NEVER, STR_NONE);
    audit_add(t, &(struct audit_entry){.kind = STR("key.create"),
                                       .actor = uid_actor(t),
                                       .outcome = STR("ok"),
                                       .detail = apikey_actor(t, &key)});
    struct doc d = doc_into(&json);
    add_key(&d, &key);
    doc_field_str(&d, "key", buf_str(&text));
    doc_close(&d, '}');
    answer_document(t, answer_waiter(t), buf_str(&json));
    return ERR_OK;
}

/* The rows lie by the keys' hashes; a number is given at creation. */
static int
by_number(const void *x, const void *y)
{
    const struct api_key *a = x, *b = y;
    return (a->number > b->number) - (a->number < b->number);
}

enum err
do_keys_list(struct turn *t, const void *ask)
{
    struct page auto_page page = {0};
    const struct store_ask *found = find_all(t);
    size_t n = 0;
    (void)ask;
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    struct api_key *keys =
        arena_alloc(turn_arena(t), (found->n_rows + 1) * sizeof(*keys));
    for (size_t i = 0; i < found->n_rows; i++)
        n += turn_get(t, STORE_API_KEYS, found->rows[i].key, &api_key_record,
                      &keys[n]);
    qsort(keys, n, sizeof(*keys), by_number);
    page_open(&page, "keys");
    for (size_t i = 0; i < n; i++) {
        add_key(&page.doc, &keys[i]);
        doc_close(&page.doc, '}');
        if (!page_keep(&page, keys[i].name))
            break;
    }
    bool is_cut = page_end_list(&page, false);
    doc_field_bool(&page.doc, "is_cut", is_cut);
    doc_close(&page.doc, '}');
    answer_document(t, answer_waiter(t), buf_str(&page.json));
    return ERR_OK;
}

enum err
do_key_revoke(struct turn *t, const void *ask)
{
    const struct admin_name *a = ask;
    const struct store_ask *found = find_all(t);
    uint64_t number = 0;
    size_t n_revoked = 0;
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    bool is_number = str_to_u64(a->name, &number);
    for (size_t i = 0; i < found->n_rows; i++) {
        struct api_key key;
        if (!turn_get(t, STORE_API_KEYS, found->rows[i].key, &api_key_record,
                      &key) ||
            !(is_number ? key.number == number : str_equal(key.name, a->name)))
            continue;
        turn_delete(t, STORE_API_KEYS, found->rows[i].key);
        revoke_leases(t, STR_NONE, 0, key.number);
        audit_add(t, &(struct audit_entry){.kind = STR("key.revoke"),
                                           .actor = uid_actor(t),
                                           .outcome = STR("ok"),
                                           .detail = apikey_actor(t, &key)});
        n_revoked++;
    }
    if (n_revoked == 0)
        answer_refusal(
            t, answer_waiter(t),
            &(struct refusal_text){
                .err = ERR_NOT_FOUND,
                .detail = STR("There is no API key of that number or name. "
                              "portkeep keys list shows them.")});
    else
        answer_document(
            t, answer_waiter(t),
            arena_printf(turn_arena(t), "{\"revoked\":%zu}", n_revoked));
    return ERR_OK;
}

enum err
do_used(struct turn *t, const void *ask)
{
    const struct relay_used *u = ask;
    const struct store_ask *found =
        turn_find(t, &(struct store_ask){.table = STORE_API_KEYS,
                                         .by = STORE_BY_TAG,
                                         .tag = number_tag(t, u->key_number),
                                         .limit = 1});
    struct api_key key;
    if (turn_is_waiting(t))
        return ERR_AGAIN;
    if (found->n_rows == 1 &&
        turn_get(t, STORE_API_KEYS, found->rows[0].key, &api_key_record,
                 &key) &&
        turn_now_s(t) - key.last_used_at >= USE_NOTED_S) {
        key.last_used_at = turn_now_s(t);
        store_key(t, found->rows[0].key, &key);
    }
    return ERR_OK;
}
