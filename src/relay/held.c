#include "relay/held.h"

#include "base/arena.h"

#include <jansson.h>

/* application/json, also with parameters or as ...+json. */
static bool
is_json(struct str type)
{
    struct str media;
    return str_cut(&type, ';', &media) &&
           str_ends(str_trim(media), STR("json"));
}

bool
held_wants(const struct http_head *head)
{
    return head->status == 401 && head->framing != HTTP_NO_BODY &&
           (!head->has_length || head->length <= HELD_MAX) &&
           is_json(http_head_find(head, "content-type"));
}

void
held_begin(struct held *h, const struct http_head *head, struct arena *arena)
{
    struct http_head *copy = arena_alloc(arena, sizeof(*copy));
    *copy = *head;
    for (size_t i = 0; i < copy->n_headers; i++) {
        copy->headers[i].name = arena_copy(arena, head->headers[i].name);
        copy->headers[i].value = arena_copy(arena, head->headers[i].value);
    }
    held_done(h);
    buf_init(&h->body, HELD_MAX);
    h->head = copy;
}

bool
held_add(struct held *h, struct str piece)
{
    if (piece.n > HELD_MAX - h->body.n)
        return false;
    buf_add(&h->body, piece);
    return true;
}

static bool
is_encoded(const struct http_head *head)
{
    struct str coding = http_head_find(head, "content-encoding");
    return coding.n > 0 && !str_equal_nocase(coding, STR("identity"));
}

bool
held_is_stale_token(const struct held *h)
{
    if (is_encoded(h->head))
        return true;
    if (h->body.n == 0)
        return false;
    json_t *root = json_loadb(h->body.p, h->body.n, 0, NULL);
    const char *text = json_string_value(json_object_get(root, "category"));
    struct str category = str_from(text);
    bool is_stale = str_equal(category, STR("EXPIRED_AUTHENTICATION")) ||
                    str_equal(category, STR("INVALID_AUTHENTICATION"));
    json_decref(root);
    return is_stale;
}

void
held_done(struct held *h)
{
    buf_done(&h->body);
    h->head = NULL;
}
