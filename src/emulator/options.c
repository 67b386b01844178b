#include "emulator/options.h"

#include "emulator/target.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* HOST:PORT; loopback only, since whoever reaches it may do everything. */
static enum err
read_listen(struct options *o, const char *value, struct buf *out_why)
{
    struct str text = str_from(value);
    size_t colon = text.n;
    uint64_t port;
    while (colon > 0 && text.p[colon - 1] != ':')
        colon--;
    if (colon == 0 ||
        !str_to_u64(str_of(text.p + colon, text.n - colon), &port) ||
        port > 65535) {
        buf_addf(out_why,
                 "--listen takes an address and a port, as in "
                 "127.0.0.1:8790; this is %s",
                 value);
        return ERR_CONFIG;
    }
    char host[64] = {0};
    struct str name = str_of(text.p, colon - 1);
    if (str_starts(name, STR("[")) && str_ends(name, STR("]")))
        name = str_of(name.p + 1, name.n - 2);
    if (str_equal(name, STR("localhost")))
        name = STR("127.0.0.1");
    if (name.n < sizeof(host))
        memcpy(host, name.p, name.n);

    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1 &&
        ntohl(v4.sin_addr.s_addr) >> 24 == 127) {
        memcpy(&o->listen, &v4, sizeof(v4));
        o->listen_len = sizeof(v4);
    } else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1 &&
               IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) {
        memcpy(&o->listen, &v6, sizeof(v6));
        o->listen_len = sizeof(v6);
    } else {
        buf_addf(out_why,
                 "--listen takes loopback addresses only (127.0.0.1, "
                 "[::1] or localhost): the emulator has no "
                 "passwords; this is %s",
                 value);
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err
read_app(struct options *o, const char *value, struct buf *out_why)
{
    if (o->n_apps == OPTIONS_APPS) {
        buf_addf(out_why, "at most %d --app", OPTIONS_APPS);
        return ERR_LIMIT;
    }
    o->apps[o->n_apps++].path = value;
    return ERR_OK;
}

static enum err
read_client_id(struct options *o, const char *value, struct buf *out_why)
{
    if (o->n_apps == 0 || o->apps[o->n_apps - 1].client_id != NULL) {
        buf_add_text(out_why, "--client-id belongs to the --app before it");
        return ERR_CONFIG;
    }
    o->apps[o->n_apps - 1].client_id = value;
    return ERR_OK;
}

/* Of the --app before it; before the first one, of every app. */
static enum err
read_webhook(struct options *o, const char *value, struct buf *out_why)
{
    if (!target_is_good(str_from(value))) {
        buf_addf(out_why,
                 "--webhook takes an http or https URL of this machine, as in "
                 "http://127.0.0.1:8080/webhooks/crm-sync; this is %s",
                 value);
        return ERR_CONFIG;
    }
    if (o->n_apps > 0)
        o->apps[o->n_apps - 1].webhook = value;
    else
        o->webhook = value;
    return ERR_OK;
}

static enum err
read_ca_file(struct options *o, const char *value, struct buf *out_why)
{
    (void)out_why;
    o->ca_file = value;
    return ERR_OK;
}

static enum err
read_secret(struct options *o, const char *value, struct buf *out_why)
{
    (void)out_why;
    o->secret = value;
    return ERR_OK;
}

static enum err
read_state(struct options *o, const char *value, struct buf *out_why)
{
    (void)out_why;
    o->state = value;
    return ERR_OK;
}

static enum err
read_seed(struct options *o, const char *value, struct buf *out_why)
{
    if (str_to_u64(str_from(value), &o->seed))
        return ERR_OK;
    buf_addf(out_why, "--seed takes a number; this is %s", value);
    return ERR_CONFIG;
}

static enum err
read_tls_cert(struct options *o, const char *value, struct buf *out_why)
{
    (void)out_why;
    o->tls_cert = value;
    return ERR_OK;
}

static enum err
read_tls_key(struct options *o, const char *value, struct buf *out_why)
{
    (void)out_why;
    o->tls_key = value;
    return ERR_OK;
}

static const struct option {
    const char *name;
    const char *value; /* what it takes, for the help */
    enum err (*read)(struct options *o, const char *value, struct buf *out_why);
    const char *sentence;
} table[] = {
    {"--listen", "ADDRESS:PORT", read_listen,
     "where to answer; port 0 takes a free one (127.0.0.1:8790)"},
    {"--app", "FILE", read_app,
     "hold an app to its app-hsmeta.json; may be repeated. Without any, "
     "every client id is an app"},
    {"--client-id", "ID", read_client_id,
     "the client id of the --app before it; without it one is made, see "
     "/_emulator/apps"},
    {"--webhook", "URL", read_webhook,
     "where the --app before it takes webhooks, or every app if none stands "
     "before it; on this machine only"},
    {"--webhook-ca", "FILE", read_ca_file,
     "trust these certificates (PEM) where webhooks go by https; otherwise "
     "the system's"},
    {"--secret", "SECRET", read_secret,
     "the client secret of every app; without it any will do"},
    {"--state", "FILE", read_state,
     "keep everything in this file; without it, it is gone at the end"},
    {"--seed", "NUMBER", read_seed,
     "the same data and static tokens for the same number (1)"},
    {"--tls-cert", "FILE", read_tls_cert, "serve https with this chain (PEM)"},
    {"--tls-key", "FILE", read_tls_key, "and this key (PEM)"},
};

#define N_OPTIONS (sizeof(table) / sizeof(table[0]))

static const struct option *
find(const char *name)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    }
    return NULL;
}

enum err
options_read(int argc, char **argv, struct options *out, struct buf *out_why)
{
    *out = (struct options){.seed = 1};
    enum err e = read_listen(out, "127.0.0.1:8790", out_why);
    for (int i = 1; i < argc && e == ERR_OK; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            out->wants_help = true;
            return ERR_OK;
        }
        const struct option *option = find(argv[i]);
        if (option == NULL || i + 1 == argc) {
            buf_addf(out_why,
                     option == NULL ? "there is no option %s"
                                    : "%s needs a value",
                     argv[i]);
            return ERR_CONFIG;
        }
        e = option->read(out, argv[++i], out_why);
    }
    if (e == ERR_OK && (out->tls_cert == NULL) != (out->tls_key == NULL)) {
        buf_add_text(out_why, "--tls-cert and --tls-key go together");
        return ERR_CONFIG;
    }
    return e;
}

void
options_add_help(struct buf *out)
{
    buf_add_text(out,
                 "portkeep-emulator: a stand-in for HubSpot, to develop and "
                 "test apps against.\n\n");
    for (size_t i = 0; i < N_OPTIONS; i++)
        buf_addf(out, "  %s %s\n      %s\n", table[i].name, table[i].value,
                 table[i].sentence);
    buf_add_text(out, "  --help\n      this text\n");
}
