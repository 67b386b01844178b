#include "base/text.h"
#include "keeper/install.h"
#include "keeper/keeper.h"

/*
 * Where a Marketplace install may send the browser back to: HubSpot's own
 * pages over https, or the origin of authorize_url, which is HubSpot's too,
 * or the emulator's (hubspot.md 1.3: anything else is an open redirect).
 */

/* scheme://host:port, up to the third slash. */
static struct str
origin_of(struct str url)
{
    size_t n = 0, slashes = 0;
    while (n < url.n && (url.p[n] != '/' || ++slashes < 3))
        n++;
    return str_of(url.p, n);
}

static bool
is_region(struct str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (!str_has(STR("abcdefghijklmnopqrstuvwxyz0123456789"), text.p[i]))
            return false;
    return text.n > 0;
}

/* app.hubspot.com or app-REGION.hubspot.com; no port, no user part. */
static bool
is_hubspot_host(struct str host)
{
    struct str head = STR("app-"), tail = STR(".hubspot.com");
    if (str_equal(host, STR("app.hubspot.com")))
        return true;
    if (host.n <= head.n + tail.n || !str_starts(host, head) ||
        !str_ends(host, tail))
        return false;
    return is_region(str_of(host.p + head.n, host.n - head.n - tail.n));
}

static struct str
host_of(struct str rest)
{
    size_t n = 0;
    while (n < rest.n && !str_has(STR("/?#"), rest.p[n]))
        n++;
    return str_of(rest.p, n);
}

bool
install_is_return_url(const struct keeper *k, struct str url)
{
    struct str ours = origin_of(k->authorize_url), https = STR("https://");
    if (url.n > LIMIT_RETURN || !text_is_clean(url) || str_has(url, '\\') ||
        str_has(url, ' ') || str_has(url, '#'))
        return false;
    if (url.n > ours.n && str_starts(url, ours) &&
        str_has(STR("/?"), url.p[ours.n]))
        return true;
    if (!str_starts(url, https))
        return false;
    return is_hubspot_host(host_of(str_of(url.p + https.n, url.n - https.n)));
}
