#define _GNU_SOURCE
#include "pair.h"

#include "ipc/fd.h"
#include "proto/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define PATIENCE_S 10

static const struct field talk_fields[] = {
    FIELD(struct talk, number),
    FIELD(struct talk, text),
};
static const struct record talk_record = RECORD(talk);

static const struct message messages[] = {
    {TALK_ASK, TALK_ANSWER, &talk_record, "A question.", "a"},
    {TALK_ANSWER, 0, &talk_record, "Its answer.", "b"},
    {TALK_NEWS, 0, &talk_record, "An event.", "a"},
    {TALK_GIFT, 0, &talk_record, "With a descriptor.", "a", true},
    {TALK_OTHER, 0, &talk_record, "Never an answer.", "b"},
};
const struct conversation talk_conversation = CONVERSATION("talk", messages);

static void
free_channel(struct ear *e)
{
    channel_free(e->channel);
    e->channel = NULL;
}

static void
on_message(const struct incoming *in, void *arg)
{
    struct ear *e = arg;
    const struct talk *t = in->body;
    e->n_messages++;
    e->last_type = in->message->type;
    e->last_number = t->number;
    e->last_length = t->text.n;
    if (in->fd >= 0) {
        fd_close(&e->last_fd);
        e->last_fd = in->fd;
    }
    if (in->id != 0 && e->does_answer) {
        struct talk answer = {.number = t->number + 1, .text = t->text};
        channel_reply(in->channel, in->id, TALK_ANSWER, &answer);
    }
    if (e->does_free_on_message)
        free_channel(e);
}

static void
on_close(struct channel *ch, enum err reason, void *arg)
{
    struct ear *e = arg;
    assert_ptr_equal(ch, e->channel);
    e->n_closed++;
    e->close_reason = reason;
    free_channel(e);
}

void
ear_on_reply(enum err e, const struct message *m, const void *reply, void *arg)
{
    struct ear *ear = arg;
    const struct talk *t = reply;
    ear->n_replies++;
    ear->last_err = e;
    assert_int_equal(e == ERR_OK, m != NULL);
    assert_int_equal(e == ERR_OK, t != NULL);
    if (t != NULL)
        ear->last_number = t->number;
    if (ear->does_ask_again && ear->channel != NULL) {
        struct talk ask = {.number = 1};
        ear->does_ask_again = false;
        (void)channel_call(ear->channel, TALK_ASK, &ask, 1000, ear_on_reply,
                           ear); /* never cancelled */
    }
    if (ear->does_free_on_reply)
        free_channel(ear);
}

static const struct channel_handler handler = {on_message, on_close};

static void
open_ears(struct pair *p, int sockets[2])
{
    memset(p, 0, sizeof(*p));
    p->raw = p->a.last_fd = p->b.last_fd = -1;
    p->a.other = &p->b;
    p->b.other = &p->a;
    p->base = event_base_new();
    assert_non_null(p->base);
    assert_int_equal(fd_pair(sockets), ERR_OK);
    p->a.channel =
        channel_new(p->base, sockets[0], &talk_conversation, &handler, &p->a);
}

void
pair_open(struct pair *p)
{
    int sockets[2];
    open_ears(p, sockets);
    p->b.channel =
        channel_new(p->base, sockets[1], &talk_conversation, &handler, &p->b);
}

void
pair_open_raw(struct pair *p)
{
    int sockets[2];
    open_ears(p, sockets);
    p->raw = sockets[1];
}

void
pair_close(struct pair *p)
{
    free_channel(&p->a);
    free_channel(&p->b);
    fd_close(&p->raw);
    fd_close(&p->a.last_fd);
    fd_close(&p->b.last_fd);
    event_base_free(p->base);
}

void
pair_until(struct pair *p, const size_t *count, size_t n)
{
    time_t end = time(NULL) + PATIENCE_S;
    /* The loop ends when nothing is left to wait for, too. */
    while (*count < n && time(NULL) < end)
        if (event_base_loop(p->base, EVLOOP_ONCE) != 0)
            break;
    assert_true(*count >= n);
}

void
pair_turn(struct pair *p)
{
    for (int i = 0; i < 20; i++)
        (void)event_base_loop(p->base, EVLOOP_NONBLOCK);
}
