#include "cli/admin.h"

/* What verbs look up in answers; a member that is absent reads as empty. */

const char *
answer_rows_name(const json_t *answer)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)answer, key,
                        value) if (json_is_array(value)) return key;
    return NULL;
}

json_t *
answer_rows(const json_t *answer)
{
    const char *name = answer_rows_name(answer);
    return name != NULL ? json_object_get(answer, name) : NULL;
}

struct str
answer_text(const json_t *answer, const char *key)
{
    const json_t *value = json_object_get(answer, key);
    if (!json_is_string(value))
        return STR("");
    return str_of(json_string_value(value), json_string_length(value));
}

struct str
answer_next(const json_t *answer)
{
    return answer_text(answer, "next");
}

uint64_t
answer_number(const json_t *answer, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(answer, key));
    return value > 0 ? (uint64_t)value : 0;
}
