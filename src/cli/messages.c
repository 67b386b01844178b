#include "cli/help.h"

#include "proto/admin.h"
#include "proto/courier.h"
#include "proto/front.h"
#include "proto/life.h"
#include "proto/relay.h"

#include <string.h>

/* docs/messages.md, from the tables that send and read the messages. */

static const struct conversation *const conversations[] = {
    &life_conversation, &front_conversation, &relay_conversation,
    &courier_conversation, &admin_conversation};

static const char *const type_names[] = {
    [FIELD_BOOL] = "bool",         [FIELD_U32] = "u32",  [FIELD_U64] = "u64",
    [FIELD_I64] = "i64",           [FIELD_STR] = "text", [FIELD_STRS] = "texts",
    [FIELD_HIDDEN] = "hidden text"};

static const char head[] =
    "# Messages between portkeep's processes\n"
    "\n"
    "Made by `portkeep help --messages` from the tables in `src/proto`; a "
    "test compares.\n"
    "\n"
    "A frame is its length (4 bytes, of what follows the head), a kind (1: "
    "call, reply or event), the type (2), an id (4), and the fields one after "
    "another. Numbers are big-endian and as wide as their type says, a bool "
    "is one byte, 0 or 1. A text is its length (4 bytes) and its bytes; texts "
    "are their count (4 bytes) and then each. Hidden text is a secret: it is "
    "in wiped memory at both ends and in no dump. Bytes left over, an unknown "
    "type, or a message that is not in the conversation close the channel.\n";

static void
add_fields(struct buf *out, const struct record *r)
{
    if (r->n_fields == 0) {
        buf_add_text(out, "No fields.\n");
        return;
    }
    buf_add_text(out, "| field | type |\n|---|---|\n");
    for (size_t i = 0; i < r->n_fields; i++)
        buf_addf(out, "| %s | %s |\n", r->fields[i].name,
                 type_names[r->fields[i].type]);
}

static void
add_message(struct buf *out, const struct conversation *c,
            const struct message *m)
{
    buf_addf(out, "\n### %u: %s\n\n%s From: %s.", m->type, m->record->name,
             m->purpose, m->from);
    if (m->reply != 0)
        buf_addf(out, " Answered by %u, %s.", m->reply,
                 conversation_find(c, m->reply)->record->name);
    if (m->has_fd)
        buf_add_text(out, " A descriptor travels with it.");
    buf_add_text(out, "\n\n");
    add_fields(out, m->record);
}

void
help_add_messages(struct buf *out)
{
    buf_add_text(out, head);
    for (size_t i = 0; i < sizeof(conversations) / sizeof(conversations[0]);
         i++) {
        const struct conversation *c = conversations[i];
        buf_addf(out, "\n## %s\n", c->name);
        for (size_t k = 0; k < c->n_messages; k++)
            add_message(out, c, &c->messages[k]);
    }
}
