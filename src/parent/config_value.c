#include "parent/config_int.h"

#include "base/limits.h"
#include "http/url.h"
#include "parent/place.h"

#include <inttypes.h>
#include <stdlib.h>

/*
 * One function a type, in the order of enum config_type.  Each leaves its
 * sentence in v->why, to be read after the key's name: "is not ...".  What a
 * secret's key was set to is never repeated: it may be the secret itself.
 */
typedef enum err set_value(const struct config_value *v,
                           const struct config_key *key, struct str text,
                           void *out);

static enum err
complain(const struct config_value *v, struct str text, const char *what)
{
    buf_addf(v->why, "%s %s", log_quote(text), what);
    return ERR_INVALID;
}

static enum err
set_text(const struct config_value *v, const struct config_key *key,
         struct str text, void *out)
{
    size_t most = key->most > 0 ? key->most : LIMIT_CONFIG_LINE;
    if (text.n > most) {
        buf_addf(v->why, "is over %zu bytes", most);
        return ERR_INVALID;
    }
    *(struct str *)out = text;
    return ERR_OK;
}

static enum err
set_word(const struct config_value *v, const struct config_key *key,
         struct str text, void *out)
{
    if (str_has(text, ' '))
        return complain(v, text, "has a space in it");
    return set_text(v, key, text, out);
}

static enum err
set_words(const struct config_value *v, const struct config_key *key,
          struct str text, void *out)
{
    struct strs words = arena_split(v->arena, text, ' ');
    size_t most = key->most > 0 ? key->most : LIMIT_SCOPES;
    if (words.n > most) {
        buf_addf(v->why, "has more than %zu words", most);
        return ERR_INVALID;
    }
    for (size_t i = 0; i < words.n; i++) {
        if (str_has(words.v[i], ',') || str_has(words.v[i], '"'))
            return complain(v, words.v[i], "- words are separated by spaces");
        for (size_t j = 0; j < i; j++)
            if (str_equal(words.v[i], words.v[j]))
                return complain(v, words.v[i], "stands there twice");
    }
    *(struct strs *)out = words;
    return ERR_OK;
}

static enum err
set_yes_no(const struct config_value *v, const struct config_key *key,
           struct str text, void *out)
{
    (void)key;
    if (str_equal(text, STR("yes")))
        *(bool *)out = true;
    else if (str_equal(text, STR("no")))
        *(bool *)out = false;
    else
        return complain(v, text, "is neither yes nor no");
    return ERR_OK;
}

struct unit {
    const char *name;
    uint64_t count;
};

static const struct unit times[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {0},
};

static const struct unit sizes[] = {
    {"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {"TB", 1000000000000},
    {0},
};

static const struct unit no_units[] = {{"", 1}, {0}};

static bool
parse_amount(const struct unit *units, struct str text, uint64_t *out)
{
    size_t n = 0;
    uint64_t count;
    while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
        n++;
    if (n > 9 || !str_to_u64(str_of(text.p, n), &count))
        return false;
    for (const struct unit *u = units; u->name != NULL; u++)
        if (str_equal(str_of(text.p + n, text.n - n), str_from(u->name))) {
            *out = count * u->count;
            return true;
        }
    return false;
}

/* In the largest unit that it is whole in. */
static void
add_amount(struct buf *out, const struct unit *units, uint64_t amount)
{
    const struct unit *best = units;
    for (const struct unit *u = units; u->name != NULL; u++)
        if (amount > 0 && amount % u->count == 0)
            best = u;
    buf_addf(out, "%" PRIu64 "%s", amount / best->count, best->name);
}

static enum err
set_amount(const struct config_value *v, const struct config_key *key,
           struct str text, void *out)
{
    static const struct {
        const struct unit *units;
        const char *wanted;
    } kinds[] = {
        [CONFIG_DURATION] = {times, "is not a time: 500ms, 5s, 10m, 12h, 7d"},
        [CONFIG_NUMBER] = {no_units, "is not a number"},
        [CONFIG_SIZE] = {sizes, "is not a size: 500MB, 2GB"},
    };
    const struct unit *units = kinds[key->type].units;
    uint64_t amount;
    if (!parse_amount(units, text, &amount))
        return complain(v, text, kinds[key->type].wanted);
    if (amount < key->least || amount > key->most) {
        buf_addf(v->why, "%s is not between ", log_quote(text));
        add_amount(v->why, units, key->least);
        buf_add_text(v->why, " and ");
        add_amount(v->why, units, key->most);
        return ERR_INVALID;
    }
    *(uint64_t *)out = amount;
    return ERR_OK;
}

/* Which hosts may be spoken to without TLS. */
static bool
may_be_plain(const struct url *u, enum config_type type)
{
    enum place_reach reach = place_reach_of(u->host);
    if (type == CONFIG_TARGET)
        return reach != PLACE_PUBLIC; /* a name is looked at when it is used */
    return reach == PLACE_THIS_MACHINE;
}

static enum err
check_url(const struct config_value *v, enum config_type type, struct str text)
{
    struct url u;
    if (url_parse(text, &u) != ERR_OK)
        return complain(v, text, "is not a URL: https://HOST/PATH");
    if (str_equal(u.scheme, STR("http")) && !may_be_plain(&u, type))
        return complain(v, text,
                        type == CONFIG_TARGET
                            ? "begins with http, which is for loopback and "
                              "private addresses: use https"
                            : "begins with http, which is for localhost "
                              "only: use https");
    if (type == CONFIG_ORIGIN && (u.path.n > 1 || u.query.p != NULL))
        return complain(v, text,
                        "has a path or query: only https://HOST[:PORT] "
                        "can stand here");
    return ERR_OK;
}

static enum err
set_url(const struct config_value *v, const struct config_key *key,
        struct str text, void *out)
{
    enum err e = check_url(v, key->type, text);
    if (e != ERR_OK)
        return e;
    if (key->type == CONFIG_ORIGIN && str_ends(text, STR("/")))
        text.n--;
    *(struct str *)out = text;
    return ERR_OK;
}

static enum err
set_urls(const struct config_value *v, const struct config_key *key,
         struct str text, void *out)
{
    struct strs all;
    enum err e = set_words(v, key, text, &all);
    for (size_t i = 0; e == ERR_OK && i < all.n; i++)
        e = check_url(v, key->type, all.v[i]);
    if (e == ERR_OK)
        *(struct strs *)out = all;
    return e;
}

static bool
is_host(struct str name)
{
    if (str_starts(name, STR("*.")))
        name = str_of(name.p + 2, name.n - 2);
    if (name.n == 0 || !str_has(name, '.') || name.p[0] == '.' ||
        name.p[name.n - 1] == '.')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        bool is_good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                       (c >= '0' && c <= '9') || c == '-' || c == '.';
        if (!is_good)
            return false;
    }
    return true;
}

static enum err
set_hosts(const struct config_value *v, const struct config_key *key,
          struct str text, void *out)
{
    struct strs all;
    enum err e = set_words(v, key, text, &all);
    for (size_t i = 0; e == ERR_OK && i < all.n; i++)
        if (!is_host(all.v[i]))
            e = complain(v, all.v[i],
                         "is not a host: files.example.com, *.example.com");
    if (e == ERR_OK)
        *(struct strs *)out = all;
    return e;
}

static enum err
set_address(const struct config_value *v, const struct config_key *key,
            struct str text, void *out)
{
    (void)key;
    if (place_parse(text, out) != ERR_OK)
        return complain(v, text,
                        "is not an address and a port: 127.0.0.1:8700, "
                        "[::1]:8700, 0.0.0.0:8700");
    return ERR_OK;
}

static struct str
absolute(const struct config_value *v, struct str path)
{
    if (path.n > 0 && path.p[0] == '/')
        return arena_copy(v->arena, path);
    return arena_printf(v->arena, "%.*s%.*s", STR_ARG(v->folder),
                        STR_ARG(path));
}

static enum err
set_path(const struct config_value *v, const struct config_key *key,
         struct str text, void *out)
{
    (void)key;
    *(struct str *)out = absolute(v, text);
    return ERR_OK;
}

/* systemd puts each credential into a file of its own. */
static enum err
find_credential(const struct config_value *v, struct str name, struct str *out)
{
    const char *folder = getenv("CREDENTIALS_DIRECTORY");
    if (name.n == 0 || str_has(name, '/') || name.p[0] == '.') {
        buf_add_text(v->why, "wants a plain name after credential:");
        return ERR_INVALID;
    }
    if (folder == NULL) {
        buf_addf(v->why,
                 "credential:%.*s comes from systemd, and "
                 "$CREDENTIALS_DIRECTORY is not set: add LoadCredential= to "
                 "the unit, or use file:PATH",
                 STR_ARG(name));
        return ERR_INVALID;
    }
    *out = arena_printf(v->arena, "%s/%.*s", folder, STR_ARG(name));
    return ERR_OK;
}

static enum err
set_secret(const struct config_value *v, const struct config_key *key,
           struct str text, void *out)
{
    struct config_secret secret = {.source = text};
    struct str name = text, kind;
    enum err e = ERR_OK;
    (void)key;
    (void)str_cut(&name, ':', &kind); /* text is not empty */
    name = str_trim(name);
    if (str_equal(kind, STR("file")) && name.n > 0) {
        secret.path = absolute(v, name);
    } else if (str_equal(kind, STR("credential"))) {
        e = find_credential(v, name, &secret.path);
    } else {
        buf_add_text(v->why, "is file:PATH or credential:NAME: a secret never "
                             "stands in this file");
        e = ERR_INVALID;
    }
    if (e == ERR_OK)
        *(struct config_secret *)out = secret;
    return e;
}

static enum err
check_choice(const struct config_value *v, const struct config_key *key,
             struct str text)
{
    struct strs all = arena_split(v->arena, str_from(key->choices), ' ');
    if (strs_have(all, text))
        return ERR_OK;
    buf_addf(v->why, "%s is none of: %s", log_quote(text), key->choices);
    return ERR_INVALID;
}

static enum err
set_choice(const struct config_value *v, const struct config_key *key,
           struct str text, void *out)
{
    enum err e = check_choice(v, key, text);
    if (e == ERR_OK)
        *(struct str *)out = text;
    return e;
}

static enum err
set_choices(const struct config_value *v, const struct config_key *key,
            struct str text, void *out)
{
    struct strs all;
    enum err e = set_words(v, key, text, &all);
    for (size_t i = 0; e == ERR_OK && i < all.n; i++)
        e = check_choice(v, key, all.v[i]);
    if (e == ERR_OK)
        *(struct strs *)out = all;
    return e;
}

/* scheme://user:password@host: is there something between : and @? */
static bool
has_password(struct str url)
{
    struct str rest = url, user;
    size_t n = 0;
    while (n + 3 <= url.n && memcmp(url.p + n, "://", 3) != 0)
        n++;
    if (n + 3 > url.n)
        return false;
    rest = str_of(url.p + n + 3, url.n - n - 3);
    while (str_cut(&rest, '@', &user))
        if (rest.p != NULL && str_has(user, ':'))
            return true;
    for (n = 0; n + 9 <= url.n; n++)
        if (memcmp(url.p + n, "password=", 9) == 0)
            return true;
    return false;
}

static enum err
set_store(const struct config_value *v, const struct config_key *key,
          struct str text, void *out)
{
    struct config *config = (struct config *)((char *)out - key->offset);
    struct str path = text, scheme;
    (void)str_cut(&path, ':', &scheme); /* text is not empty */
    if (has_password(text)) {
        buf_add_text(v->why, "has a password in it: take it out of the URL and "
                             "set [store] password = file:PATH");
        return ERR_INVALID;
    }
    if (str_equal(scheme, STR("postgresql")) ||
        str_equal(scheme, STR("postgres")))
        return complain(v, text,
                        "is for PostgreSQL, which this build does "
                        "not have yet: use sqlite:PATH");
    if (!str_equal(scheme, STR("sqlite")) || path.n == 0 ||
        path.p[path.n - 1] == '/')
        return complain(v, text, "is not sqlite:PATH of a database file");
    path = absolute(v, path);
    size_t n = path.n;
    while (n > 1 && path.p[n - 1] != '/')
        n--;
    config->store_url = text;
    config->store_path = path;
    config->data_dir = arena_copy(v->arena, str_of(path.p, n > 1 ? n - 1 : n));
    return ERR_OK;
}

enum err
config_value_set(const struct config_value *v, const struct config_key *key,
                 struct str text, void *base)
{
    static set_value *const by_type[] = {
        [CONFIG_TEXT] = set_text,       [CONFIG_WORD] = set_word,
        [CONFIG_WORDS] = set_words,     [CONFIG_YES_NO] = set_yes_no,
        [CONFIG_DURATION] = set_amount, [CONFIG_NUMBER] = set_amount,
        [CONFIG_SIZE] = set_amount,     [CONFIG_HOSTS] = set_hosts,
        [CONFIG_ORIGIN] = set_url,      [CONFIG_PAGE] = set_url,
        [CONFIG_PAGES] = set_urls,      [CONFIG_TARGET] = set_url,
        [CONFIG_ADDRESS] = set_address, [CONFIG_PATH] = set_path,
        [CONFIG_SECRET] = set_secret,   [CONFIG_CHOICE] = set_choice,
        [CONFIG_CHOICES] = set_choices, [CONFIG_STORE] = set_store,
    };
    bool is_quoted =
        text.n > 1 && text.p[0] == '"' && text.p[text.n - 1] == '"';
    if (is_quoted) {
        buf_add_text(v->why, "stands in quotes: leave them away");
        return ERR_INVALID;
    }
    return by_type[key->type](v, key, text, (char *)base + key->offset);
}
