#include "relay/callers.h"

#include "base/apikey.h"

/* The one Authorization header; p is NULL for none or for several. */
static struct str
authorization(const struct http_head *head)
{
    struct str found = STR_NONE, name = STR("authorization");
    for (size_t i = 0; i < head->n_headers; i++) {
        const struct http_header *h = &head->headers[i];
        if (h->name.n != name.n || !str_equal_nocase(h->name, name))
            continue;
        if (found.p != NULL)
            return STR_NONE;
        found = h->value;
    }
    return found;
}

enum err
caller_read(const struct http_head *head, struct hidden *out)
{
    struct str scheme = STR("bearer "), value = authorization(head);
    if (value.n != scheme.n + APIKEY_LEN ||
        !str_equal_nocase(str_of(value.p, scheme.n), scheme))
        return ERR_UNAUTHORIZED;
    struct str key = str_of(value.p + scheme.n, APIKEY_LEN);
    if (!str_starts(key, STR(APIKEY_PREFIX)))
        return ERR_UNAUTHORIZED;
    *out = HIDDEN(key);
    return ERR_OK;
}

struct str
caller_problem(const struct http_head *head)
{
    struct hidden key;
    size_t n = http_head_count(head, "authorization");
    if (n == 0)
        return STR("This needs an API key: Authorization: Bearer pkeep_... "
                   "Make one with `portkeep keys create`.");
    if (n > 1)
        return STR("The request has more than one Authorization header.");
    if (caller_read(head, &key) != ERR_OK || !apikey_is_formed(key.s))
        return STR("The Authorization header holds no API key of portkeep. "
                   "It is Bearer, a space, and the key as `portkeep keys "
                   "create` printed it: pkeep_ and 49 more characters.");
    return STR("The API key is not known here, was revoked, or has ended.");
}
