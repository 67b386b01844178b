#include "base/limits.h"
#include "relay/proxy_path.h"

#include <assert.h>
#include <stdlib.h>

/*
 * The rules for paths of the API relay: the input is a method, a space and a
 * target.  Of what is let through, no reading (as it is, decoded once,
 * decoded twice) has a dot segment or leads to /oauth or /appinstalls, by a
 * decoder and a splitter of their own.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A browser's way: what is no code stays. */
static size_t
decode(char *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    size_t to = 0;
    for (size_t i = 0; i < n; i++) {
        const char *high = NULL, *low = NULL;
        if (p[i] == '%' && n - i > 2 && p[i + 1] != '\0' && p[i + 2] != '\0') {
            high = strchr(digits, p[i + 1] | 0x20);
            low = strchr(digits, p[i + 2] | 0x20);
        }
        if (high == NULL || low == NULL) {
            p[to++] = p[i];
            continue;
        }
        p[to++] = (char)((high - digits) << 4 | (low - digits));
        i += 2;
    }
    return to;
}

static void
check_segment(const char *p, size_t n, bool is_first)
{
    size_t end = 0;
    while (end < n && p[end] != ';')
        end++;
    struct str name = str_of(p, end);
    assert(!str_equal(name, STR(".")) && !str_equal(name, STR("..")));
    if (is_first) {
        assert(!str_equal_nocase(name, STR("oauth")));
        assert(!str_equal_nocase(name, STR("appinstalls")));
    }
}

static void
check_reading(const char *p, size_t n)
{
    bool is_first = true;
    size_t start = 0;
    for (size_t i = 0; i <= n; i++) {
        assert(i == n || ((uint8_t)p[i] >= 0x20 && p[i] != '\\'));
        if (i < n && p[i] != '/')
            continue;
        check_segment(p + start, i - start, is_first && i > start);
        is_first = is_first && i == start;
        start = i + 1;
    }
}

static void
check_passed(const struct proxy_path *path)
{
    struct str target = path->target, first;
    assert(path->portal > 0 && path->app.n > 0);
    assert(target.n > 0 && target.p[0] == '/');
    if (path->is_uninstall || !str_cut(&target, '?', &first))
        return;
    char *p = malloc(first.n + 1);
    if (p == NULL)
        abort();
    memcpy(p, first.p, first.n);
    size_t n = first.n;
    for (int i = 0; i < 3; i++) {
        check_reading(p, n);
        n = decode(p, n);
    }
    free(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = str_of((const char *)data, n), method;
    struct proxy_path path;
    const char *why = NULL;
    if (n > LIMIT_TARGET || !str_cut(&rest, ' ', &method) || rest.p == NULL)
        return 0;
    if (proxy_path_read(method, rest, &path, &why) == ERR_OK)
        check_passed(&path);
    else
        assert(why != NULL);
    return 0;
}
