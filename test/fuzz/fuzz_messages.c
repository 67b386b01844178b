#include "base/arena.h"
#include "base/limits.h"
#include "proto/admin.h"
#include "proto/courier.h"
#include "proto/front.h"
#include "proto/life.h"
#include "proto/relay.h"

#include <assert.h>
#include <stdlib.h>

/*
 * Every message between processes, and the rows of the spill file: what
 * decodes encodes to the same bytes again, since there is one way to write
 * each record.  The first byte names the conversation, the second the
 * message, the rest is the record.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct record *
pick(uint8_t where, uint8_t which)
{
    const struct conversation *all[] = {
        &admin_conversation, &courier_conversation, &front_conversation,
        &life_conversation, &relay_conversation};
    size_t n_all = sizeof(all) / sizeof(all[0]);
    if (where % (n_all + 1) == n_all)
        return &spill_entry_record;
    const struct conversation *c = all[where % (n_all + 1)];
    return c->messages[which % c->n_messages].record;
}

static void
same_again(const struct record *r, const void *body, struct str bytes)
{
    auto_buf struct buf out;
    buf_init(&out, LIMIT_FRAME);
    record_encode(r, body, &out);
    assert(str_equal(buf_str(&out), bytes));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > LIMIT_FRAME)
        return 0;
    const struct record *r = pick(data[0], data[1]);
    struct str bytes = str_of(data + 2, n - 2);
    struct arena *arena = arena_new();
    void *body = arena_alloc(arena, r->size + 1);
    if (record_decode(r, bytes, arena, body) == ERR_OK) {
        same_again(r, body, bytes);
        record_copy(r, body, arena, arena_alloc(arena, r->size + 1));
    }
    (void)!record_decode_old(r, bytes, arena, body); /* must only not crash */
    arena_free(arena);
    return 0;
}
