#include "base/env.h"
#include "cli/page.h"
#include "cli/run.h"
#include "cli/show.h"
#include "cli/when.h"
#include "proto/relay.h"

/* API keys of backends. */

#define DEFAULT_VERBS (VERB_CALL | VERB_CONNECT | VERB_PORTALS | VERB_EVENTS)

static const struct {
    const char *name;
    enum key_verb verb;
} verb_names[] = {
    {"token", VERB_TOKEN},         {"call", VERB_CALL},
    {"call:read", VERB_CALL_READ}, {"connect", VERB_CONNECT},
    {"portals", VERB_PORTALS},     {"disconnect", VERB_DISCONNECT},
    {"events", VERB_EVENTS},       {"verify", VERB_VERIFY},
};

static bool
add_right(struct str name, uint32_t *rights)
{
    for (size_t i = 0; i < sizeof(verb_names) / sizeof(verb_names[0]); i++)
        if (str_equal(name, str_from(verb_names[i].name))) {
            *rights |= verb_names[i].verb;
            return true;
        }
    return false;
}

static int
take_verbs(const struct cli *cli, uint32_t *out)
{
    struct strs names = cli_values(cli, "verb");
    *out = names.n == 0 ? DEFAULT_VERBS : 0;
    for (size_t i = 0; i < names.n; i++)
        if (!add_right(names.v[i], out))
            return cli_usage(cli,
                             "there is no right \"%.*s\": token, call, "
                             "call:read, connect, portals, disconnect, events "
                             "or verify",
                             STR_ARG(names.v[i]));
    return CLI_DONE;
}

static int
take_end(const struct cli *cli, int64_t *out)
{
    const char *text = cli_value(cli, "ends");
    int64_t now = env_now_s(env_real());
    *out = 0;
    if (text == NULL)
        return CLI_DONE;
    if (!when_parse(str_from(text), now, out))
        return cli_usage(cli,
                         "--ends takes a length (90d, 12h) or a day "
                         "(2027-01-31), not \"%s\"",
                         text);
    if (*out <= now)
        return cli_usage(cli, "--ends %s is over already", text);
    return CLI_DONE;
}

static int
take_portals(const struct cli *cli, struct strs *out)
{
    uint64_t portal;
    *out = cli_values(cli, "portal");
    for (size_t i = 0; i < out->n; i++)
        if (!str_to_u64(out->v[i], &portal) || portal == 0)
            return cli_usage(cli, "--portal takes numbers, not \"%.*s\"",
                             STR_ARG(out->v[i]));
    return CLI_DONE;
}

static int
create(struct cli *cli, struct admin *a, const struct admin_key_create *ask)
{
    json_t *answer;
    for (size_t i = 0; i < ask->apps.n; i++) {
        struct str app = arena_copy(cli->arena, ask->apps.v[i]);
        if (setup_app(cli, admin_config(a), app.p) == NULL)
            return CLI_FAILED;
    }
    int status = admin_call(a, ADMIN_KEY_CREATE, ask, &answer);
    if (status != CLI_DONE)
        return status;
    struct str key = answer_text(answer, "key");
    if (cli->is_json || key.n == 0) {
        status = show_answer(cli, answer);
    } else {
        cli_note("This key is shown once; portkeep keeps only its hash.");
        status = cli_print(cli, key);
        if (status == CLI_DONE)
            status = cli_print(cli, STR("\n"));
    }
    json_decref(answer);
    return status;
}

int
do_keys_create(struct cli *cli)
{
    struct admin *a;
    struct admin_key_create ask = {.name = str_from(cli_arg(cli, 0)),
                                   .apps = cli_values(cli, "app"),
                                   .addresses = cli_values(cli, "address")};
    int status = take_verbs(cli, &ask.verbs);
    if (status == CLI_DONE)
        status = take_end(cli, &ask.ends_at);
    if (status == CLI_DONE)
        status = take_portals(cli, &ask.portals);
    if (status != CLI_DONE)
        return status;
    status = admin_open(cli, &a);
    if (status == CLI_DONE)
        status = create(cli, a, &ask);
    admin_close(a);
    return status;
}

int
do_keys_list(struct cli *cli)
{
    struct admin *a;
    struct page_list list = {.type = ADMIN_KEYS_LIST};
    int status = admin_reach(cli, &a);
    if (status == CLI_DONE)
        status = page_show(cli, a, &list);
    admin_close(a);
    return status;
}

/* A name may stand for several keys, so how many there were is said. */
static int
revoke(struct cli *cli, struct admin *a, const struct admin_name *ask)
{
    json_t *answer;
    int status = admin_call(a, ADMIN_KEY_REVOKE, ask, &answer);
    if (status != CLI_DONE)
        return status;
    uint64_t n = answer_number(answer, "revoked");
    if (cli->is_json)
        status = show_answer(cli, answer);
    else
        cli_note("%llu key%s revoked.", (unsigned long long)n,
                 n == 1 ? " is" : "s are");
    json_decref(answer);
    return status;
}

int
do_keys_revoke(struct cli *cli)
{
    struct admin *a;
    struct admin_name ask = {.name = str_from(cli_arg(cli, 0))};
    int status = admin_reach(cli, &a);
    if (status == CLI_DONE)
        status = revoke(cli, a, &ask);
    admin_close(a);
    return status;
}
