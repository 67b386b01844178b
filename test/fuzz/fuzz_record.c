#include "base/record.h"

#include <assert.h>
#include <stdlib.h>

/*
 * The record reader over a struct with every type of field, twice where two
 * of them side by side could be taken for one another.  What decodes encodes
 * to the same bytes; a copy does too, after the input is gone; and an old row
 * with its missing fields filled in reads the same again.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct all {
    bool is_set;
    struct str name;
    struct strs scopes;
    uint32_t small;
    uint64_t large;
    struct hidden token;
    int64_t at;
    struct strs more;
    struct str last;
    bool is_last;
};

static const struct field all_fields[] = {
    FIELD(struct all, is_set), FIELD(struct all, name),
    FIELD(struct all, scopes), FIELD(struct all, small),
    FIELD(struct all, large),  FIELD(struct all, token),
    FIELD(struct all, at),     FIELD(struct all, more),
    FIELD(struct all, last),   FIELD(struct all, is_last),
};
static const struct record all_record = RECORD(all);

#define BYTES_MAX (1 << 20)

static void
check_same(const struct all *a, struct str bytes)
{
    struct buf auto_buf out;
    buf_init(&out, BYTES_MAX);
    record_encode(&all_record, a, &out);
    assert(buf_err(&out) == ERR_OK);
    assert(str_equal(buf_str(&out), bytes));
}

static void
check_new(struct str bytes)
{
    struct all a, copy;
    struct arena *arena = arena_new();
    struct arena *other = arena_new();
    enum err e = record_decode(&all_record, bytes, arena, &a);
    if (e == ERR_OK) {
        check_same(&a, bytes);
        record_copy(&all_record, &a, other, &copy);
    }
    arena_free(arena);
    if (e == ERR_OK)
        check_same(&copy, bytes);
    arena_free(other);
}

static void
check_old(struct str bytes)
{
    struct all a, again;
    struct buf auto_buf out;
    struct arena *arena = arena_new();
    buf_init(&out, BYTES_MAX);
    if (record_decode_old(&all_record, bytes, arena, &a) == ERR_OK) {
        record_encode(&all_record, &a, &out);
        struct str whole = buf_str(&out);
        assert(str_starts(whole, bytes));
        enum err e = record_decode(&all_record, whole, arena, &again);
        assert(e == ERR_OK);
        check_same(&again, whole);
    }
    arena_free(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n > BYTES_MAX / 2)
        return 0;
    check_new(str_of(data, n));
    check_old(str_of(data, n));
    return 0;
}
