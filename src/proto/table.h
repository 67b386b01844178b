#ifndef PROTO_TABLE_H
#define PROTO_TABLE_H

/* How each file of this folder ends: its table of messages. */
#define CONVERSATION(title, table)                       \
    {                                                    \
        .name = (title), .messages = (table),            \
        .n_messages = sizeof(table) / sizeof((table)[0]) \
    }

#endif
