#include "cli/passkey.h"

#include <inttypes.h>

void
passkey_init(struct passkey *k)
{
    *k = (struct passkey){.admin = NULL};
    buf_init_secret(&k->authorization, 256);
}

int
passkey_make(struct passkey *k, struct admin *a,
             const struct admin_key_create *ask)
{
    json_t *answer;
    int status = admin_call(a, ADMIN_KEY_CREATE, ask, &answer);
    if (status != CLI_DONE)
        return status;
    k->admin = a;
    k->number = answer_number(answer, "number");
    buf_add_text(&k->authorization, "Bearer ");
    buf_add(&k->authorization, answer_text(answer, "key"));
    json_decref(answer);
    return CLI_DONE;
}

static void
revoke(struct passkey *k)
{
    struct admin_reply reply;
    char number[24];
    (void)snprintf(number, sizeof(number), "%" PRIu64, k->number); /* fits */
    struct admin_name ask = {.name = str_from(number)};
    if (admin_ask(k->admin, ADMIN_KEY_REVOKE, &ask, &reply) == CLI_DONE)
        json_decref(reply.json);
}

void
passkey_done(struct passkey *k)
{
    if (k->admin != NULL)
        revoke(k);
    k->admin = NULL;
    buf_done(&k->authorization);
}
