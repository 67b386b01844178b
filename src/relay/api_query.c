#include "base/limits.h"
#include "base/text.h"
#include "relay/api_int.h"

#define CURSOR_MAX 512

static enum err
take_number(struct str value, uint64_t least, uint64_t most, uint64_t *out)
{
    uint64_t n;
    if (!str_to_u64(value, &n) || n < least || n > most)
        return ERR_INVALID;
    *out = n;
    return ERR_OK;
}

static enum err
take_small(struct str value, uint32_t least, uint32_t most, uint32_t *out)
{
    uint64_t n;
    if (take_number(value, least, most, &n) != ERR_OK)
        return ERR_INVALID;
    *out = (uint32_t)n;
    return ERR_OK;
}

static enum err
take_value(struct api_query *q, struct str name, struct str value)
{
    if (str_equal(name, STR("limit")))
        return take_small(value, 1, API_PAGE_MAX, &q->limit);
    if (str_equal(name, STR("wait")))
        return take_small(value, 0, API_WAIT_S, &q->wait_s);
    if (str_equal(name, STR("portal")))
        return take_number(value, 1, UINT64_MAX, &q->portal);
    if (str_equal(name, STR("cursor")))
        q->cursor = value;
    else if (value.n <= LIMIT_REF) /* ref is all that is left */
        q->ref = value;
    else
        return ERR_INVALID;
    return ERR_OK;
}

static bool
is_known(const char *known, struct str name)
{
    struct str rest = str_from(known), one;
    while (str_cut(&rest, ' ', &one))
        if (str_equal(one, name))
            return true;
    return false;
}

static enum err
take_parameter(struct api_query *q, const char *known, struct arena *arena,
               struct str name, struct str value)
{
    struct buf auto_buf text;
    buf_init(&text, CURSOR_MAX);
    if (!is_known(known, name) ||
        text_add_unpercent(&text, value, true) != ERR_OK ||
        !text_is_clean(buf_str(&text)))
        return ERR_INVALID;
    return take_value(q, name, arena_copy(arena, buf_str(&text)));
}

enum err
api_query_take(struct str query, const char *known, struct arena *arena,
               struct api_query *out)
{
    struct str pair, name;
    while (str_cut(&query, '&', &pair)) {
        if (pair.n == 0)
            continue;
        (void)str_cut(&pair, '=', &name); /* pair.p is never NULL here */
        struct str value = pair.p != NULL ? pair : STR("");
        if (take_parameter(out, known, arena, name, value) != ERR_OK)
            return ERR_INVALID;
    }
    return ERR_OK;
}
