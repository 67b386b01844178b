#define _GNU_SOURCE
#include "pair.h"

#include "base/limits.h"
#include "ipc/fd.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static int
open_pair(void **state)
{
    static struct pair p;
    pair_open(&p);
    *state = &p;
    return 0;
}

static int
open_raw(void **state)
{
    static struct pair p;
    pair_open_raw(&p);
    *state = &p;
    return 0;
}

static int
close_pair(void **state)
{
    pair_close(*state);
    return 0;
}

static uint32_t
ask(struct pair *p, uint64_t number, unsigned deadline_ms)
{
    struct talk t = {.number = number, .text = STR("why")};
    return channel_call(p->a.channel, TALK_ASK, &t, deadline_ms, ear_on_reply,
                        &p->a);
}

static int64_t
now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static size_t
count_open_fds(void)
{
    size_t n = 0;
    for (int fd = 0; fd < 1024; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static void
brings_a_reply_to_its_call(void **state)
{
    struct pair *p = *state;
    p->b.does_answer = true;
    assert_int_not_equal(ask(p, 41, 1000), 0);
    assert_int_equal(p->a.n_replies, 0); /* never from within the call */
    pair_until(p, &p->a.n_replies, 1);
    assert_int_equal(p->a.last_err, ERR_OK);
    assert_int_equal(p->a.last_number, 42);
    assert_int_equal(p->b.n_messages, 1);
    assert_int_equal(p->b.last_type, TALK_ASK);
}

static void
carries_a_thousand_events_in_order(void **state)
{
    struct pair *p = *state;
    for (uint64_t i = 1; i <= 1000; i++) {
        struct talk t = {.number = i, .text = STR("news")};
        channel_event(p->a.channel, TALK_NEWS, &t);
    }
    for (size_t i = 1; i <= 1000; i += 100) {
        pair_until(p, &p->b.n_messages, i);
        assert_int_equal(p->b.last_number, p->b.n_messages);
    }
    pair_until(p, &p->b.n_messages, 1000);
    assert_int_equal(p->b.last_number, 1000);
    assert_int_equal(p->b.n_closed, 0);
}

static void
answers_a_thousand_calls_at_once(void **state)
{
    struct pair *p = *state;
    p->b.does_answer = true;
    for (uint64_t i = 0; i < 1000; i++)
        (void)ask(p, i, 10000);
    pair_until(p, &p->a.n_replies, 1000);
    assert_int_equal(p->a.last_err, ERR_OK);
    assert_int_equal(p->a.n_replies, 1000);
}

static void
carries_the_largest_message_and_refuses_a_larger_one(void **state)
{
    struct pair *p = *state;
    size_t n = LIMIT_FRAME - 8 - 4; /* number, length of the text */
    char *text = calloc(1, n + 1);
    struct talk t = {.number = 1, .text = {text, n}};
    channel_event(p->a.channel, TALK_NEWS, &t);
    pair_until(p, &p->b.n_messages, 1);
    assert_int_equal(p->b.last_length, n);
    t.text.n = n + 1;
    channel_event(p->a.channel, TALK_NEWS, &t);
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.close_reason, ERR_LIMIT);
    assert_int_equal(p->b.n_messages, 1);
    free(text);
}

static void
closes_when_more_waits_than_its_queue_holds(void **state)
{
    struct pair *p = *state;
    size_t n = LIMIT_FRAME - 64;
    char *text = calloc(1, n);
    struct talk t = {.text = {text, n}};
    for (size_t i = 0; i <= LIMIT_CHANNEL_QUEUE / n + 1; i++)
        channel_event(p->a.channel, TALK_NEWS, &t);
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.close_reason, ERR_LIMIT);
    free(text);
}

static void
ends_a_call_at_its_deadline_and_ignores_a_late_reply(void **state)
{
    struct pair *p = *state;
    int64_t begun = now_ms();
    (void)ask(p, 1, 300);
    pair_until(p, &p->a.n_replies, 1);
    assert_int_equal(p->a.last_err, ERR_TIMEOUT);
    assert_true(now_ms() - begun >= 300);
    struct talk late = {.number = 2};
    channel_reply(p->b.channel, 1, TALK_ANSWER, &late);
    pair_turn(p);
    assert_int_equal(p->a.n_replies, 1);
    assert_int_equal(p->a.n_closed, 0);
}

static void
ends_calls_when_the_peer_closes_before_saying_so(void **state)
{
    struct pair *p = *state;
    (void)ask(p, 1, 10000);
    (void)ask(p, 2, 10000);
    channel_free(p->b.channel);
    p->b.channel = NULL;
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.n_replies, 2);
    assert_int_equal(p->a.last_err, ERR_CLOSED);
    assert_int_equal(p->a.close_reason, ERR_CLOSED);
}

static void
ends_calls_when_it_is_freed_and_says_no_more(void **state)
{
    struct pair *p = *state;
    (void)ask(p, 1, 10000);
    channel_free(p->a.channel);
    p->a.channel = NULL;
    assert_int_equal(p->a.n_replies, 1);
    assert_int_equal(p->a.last_err, ERR_CLOSED);
    pair_until(p, &p->b.n_closed, 1);
    assert_int_equal(p->a.n_closed, 0);
}

static void
is_silent_about_a_cancelled_call(void **state)
{
    struct pair *p = *state;
    p->b.does_answer = true;
    channel_cancel(p->a.channel, ask(p, 1, 1000));
    (void)ask(p, 5, 1000);
    pair_until(p, &p->a.n_replies, 1);
    assert_int_equal(p->a.last_number, 6);
    pair_turn(p);
    assert_int_equal(p->a.n_replies, 1);
}

static void
refuses_more_calls_than_the_limit(void **state)
{
    struct pair *p = *state;
    for (size_t i = 0; i < LIMIT_CALLS; i++)
        (void)ask(p, i, 60000);
    (void)ask(p, 1, 60000);
    assert_int_equal(p->a.n_replies, 0);
    pair_until(p, &p->a.n_replies, 1);
    assert_int_equal(p->a.last_err, ERR_LIMIT);
    assert_int_equal(p->a.n_replies, 1);
    pair_until(p, &p->b.n_messages, LIMIT_CALLS);
    assert_int_equal(p->b.n_messages, LIMIT_CALLS);
}

static void
refuses_calls_on_a_channel_that_is_closing(void **state)
{
    struct pair *p = *state;
    char *text = calloc(1, LIMIT_FRAME);
    struct talk large = {.text = {text, LIMIT_FRAME}};
    channel_event(p->a.channel, TALK_NEWS, &large); /* it closes now */
    (void)ask(p, 1, 60000);
    pair_until(p, &p->a.n_replies, 1);
    assert_int_equal(p->a.last_err, ERR_CLOSED);
    pair_until(p, &p->a.n_closed, 1);
    free(text);
}

static void
ends_a_call_that_is_made_while_others_end(void **state)
{
    struct pair *p = *state;
    p->a.does_ask_again = true;
    (void)ask(p, 1, 10000);
    channel_free(p->b.channel);
    p->b.channel = NULL;
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.n_replies, 2); /* the second with channel_free */
    assert_int_equal(p->a.last_err, ERR_CLOSED);
}

static void
can_be_freed_by_the_function_that_gets_a_reply(void **state)
{
    struct pair *p = *state;
    p->b.does_answer = true;
    p->a.does_free_on_reply = true;
    (void)ask(p, 1, 1000);
    (void)ask(p, 2, 1000);
    pair_until(p, &p->a.n_replies, 2); /* one answered, one closed */
    assert_int_equal(p->a.last_err, ERR_CLOSED);
    assert_null(p->a.channel);
    pair_until(p, &p->b.n_closed, 1);
}

static void
can_be_freed_by_the_function_that_gets_a_message(void **state)
{
    struct pair *p = *state;
    struct talk t = {.number = 1};
    p->b.does_free_on_message = true;
    channel_event(p->a.channel, TALK_NEWS, &t);
    channel_event(p->a.channel, TALK_NEWS, &t);
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->b.n_messages, 1);
    assert_int_equal(p->b.n_closed, 0);
}

static void
can_be_freed_by_a_call_that_timed_out(void **state)
{
    struct pair *p = *state;
    p->a.does_free_on_reply = true;
    (void)ask(p, 1, 1);
    (void)ask(p, 2, 60000);
    pair_until(p, &p->a.n_replies, 2);
    assert_null(p->a.channel);
}

static void
passes_a_descriptor_with_its_message(void **state)
{
    struct pair *p = *state;
    struct stat sent, got;
    struct talk t = {.number = 7};
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(fstat(fd, &sent), 0);
    channel_event(p->a.channel, TALK_NEWS, &t);
    channel_event_fd(p->a.channel, TALK_GIFT, &t, fd);
    channel_event(p->a.channel, TALK_NEWS, &t);
    assert_int_equal(close(fd), 0); /* the channel has its own */
    pair_until(p, &p->b.n_messages, 3);
    assert_true(p->b.last_fd >= 0);
    assert_int_equal(fstat(p->b.last_fd, &got), 0);
    assert_int_equal(sent.st_rdev, got.st_rdev);
    assert_true((fcntl(p->b.last_fd, F_GETFD) & FD_CLOEXEC) != 0);
}

static void
passes_as_many_descriptors_as_a_birth_sends(void **state)
{
    struct pair *p = *state;
    struct talk t = {.number = 7};
    size_t before = count_open_fds();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < LIMIT_APPS * 3 + 10; i++)
        channel_event_fd(p->a.channel, TALK_GIFT, &t, fd);
    assert_int_equal(close(fd), 0);
    pair_until(p, &p->b.n_messages, LIMIT_APPS * 3 + 10);
    assert_int_equal(p->a.n_closed + p->b.n_closed, 0);
    fd_close(&p->b.last_fd);
    assert_int_equal(count_open_fds(), before);
}

static void
keeps_no_descriptor_when_it_is_freed(void **state)
{
    struct pair *p = *state;
    struct talk t = {.number = 7};
    size_t before = count_open_fds();
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < 10; i++)
        channel_event_fd(p->a.channel, TALK_GIFT, &t, fd);
    assert_int_equal(close(fd), 0);
    channel_free(p->a.channel);
    p->a.channel = NULL;
    assert_int_equal(count_open_fds(), before - 1); /* its socket too */
}

static void
hears_what_a_peer_said_before_it_was_gone(void **state)
{
    struct pair *p = *state;
    struct talk t = {.number = 9};
    /* b speaks and is gone; a finds out by a write that fails. */
    channel_event(p->b.channel, TALK_NEWS, &t);
    channel_flush(p->b.channel, 1000);
    channel_free(p->b.channel);
    p->b.channel = NULL;
    channel_event(p->a.channel, TALK_NEWS, &t);
    channel_flush(p->a.channel, 1000);
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.n_messages, 1);
    assert_int_equal(p->a.last_number, 9);
}

static void
flushes_before_the_loop_turns(void **state)
{
    struct pair *p = *state;
    char byte;
    struct talk t = {.number = 9};
    channel_event(p->a.channel, TALK_NEWS, &t);
    assert_int_equal(recv(p->raw, &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
    channel_flush(p->a.channel, 1000);
    assert_int_equal(recv(p->raw, &byte, 1, MSG_DONTWAIT), 1);
}

/* A frame: length, kind, type, id, then number and text. */
struct raw_case {
    const char *what;
    size_t n;
    const char *bytes;
    enum err reason;
};

#define RAW(what, bytes, reason)               \
    {                                          \
        what, sizeof(bytes) - 1, bytes, reason \
    }
#define BODY             \
    "\0\0\0\0\0\0\0\x05" \
    "\0\0\0\0" /* number 5, no text: 12 bytes */

static void
closes_a_channel_that_breaks_the_rules(void **state)
{
    static const struct raw_case cases[] = {
        RAW("a length over the limit", "\xff\xff\xff\xff\3\0\3\0\0\0\0",
            ERR_LIMIT),
        RAW("an unknown kind", "\0\0\0\x0c\x09\0\3\0\0\0\0" BODY, ERR_SYNTAX),
        RAW("kind 0", "\0\0\0\x0c\0\0\3\0\0\0\0" BODY, ERR_SYNTAX),
        RAW("an unknown type", "\0\0\0\x0c\3\0\x63\0\0\0\0" BODY, ERR_SYNTAX),
        RAW("a call as an event", "\0\0\0\x0c\3\0\1\0\0\0\0" BODY, ERR_SYNTAX),
        RAW("an event as a call", "\0\0\0\x0c\1\0\3\0\0\0\1" BODY, ERR_SYNTAX),
        RAW("a call without an id", "\0\0\0\x0c\1\0\1\0\0\0\0" BODY,
            ERR_SYNTAX),
        RAW("an event with an id", "\0\0\0\x0c\3\0\3\0\0\0\1" BODY, ERR_SYNTAX),
        RAW("a body that is too short",
            "\0\0\0\x0b\3\0\3\0\0\0\0"
            "\0\0\0\0\0\0\0\x05\0\0\0",
            ERR_SYNTAX),
        RAW("a body with bytes left over", "\0\0\0\x0d\3\0\3\0\0\0\0" BODY "x",
            ERR_SYNTAX),
        RAW("a text longer than the frame",
            "\0\0\0\x0c\3\0\3\0\0\0\0"
            "\0\0\0\0\0\0\0\x05\xff\xff\xff"
            "\xff",
            ERR_SYNTAX),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct pair p;
        pair_open_raw(&p);
        assert_int_equal(send(p.raw, cases[i].bytes, cases[i].n, 0),
                         cases[i].n);
        pair_until(&p, &p.a.n_closed, 1);
        if (p.a.close_reason != cases[i].reason || p.a.n_messages != 0)
            fail_msg("%s: %s", cases[i].what, err_name(p.a.close_reason));
        pair_close(&p);
    }
}

static void
takes_frames_byte_by_byte_and_several_at_once(void **state)
{
    static const char frames[] =
        "\0\0\0\x0c\3\0\3\0\0\0\0" BODY "\0\0\0\x0c\3\0\3\0\0\0\0" BODY;
    struct pair *p = *state;
    size_t n = sizeof(frames) - 1;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(send(p->raw, frames + i, 1, 0), 1);
        pair_turn(p);
        assert_int_equal(p->a.n_messages, (i + 1) / (n / 2));
    }
    assert_int_equal(send(p->raw, frames, n, 0), n);
    pair_until(p, &p->a.n_messages, 4);
    assert_int_equal(p->a.last_number, 5);
    assert_int_equal(p->a.n_closed, 0);
}

static void
drops_half_a_frame_with_its_peer(void **state)
{
    struct pair *p = *state;
    assert_int_equal(send(p->raw, "\0\0\0\x0c\3\0\3", 7, 0), 7);
    pair_turn(p);
    fd_close(&p->raw);
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.close_reason, ERR_CLOSED);
    assert_int_equal(p->a.n_messages, 0);
}

static void
closes_when_a_reply_is_of_another_type(void **state)
{
    static const char other[] = "\0\0\0\x0c\2\0\5\0\0\0\1" BODY;
    struct pair *p = *state;
    assert_int_equal(ask(p, 1, 10000), 1);
    assert_int_equal(send(p->raw, other, sizeof(other) - 1, 0),
                     sizeof(other) - 1);
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.n_replies, 1);
    assert_int_equal(p->a.last_err, ERR_SYNTAX);
}

static void
closes_on_a_descriptor_that_no_message_takes(void **state)
{
    static const char news[] = "\0\0\0\x0c\3\0\3\0\0\0\0" BODY;
    struct pair *p = *state;
    size_t before = count_open_fds();
    assert_int_equal(fd_send(p->raw, news, sizeof(news) - 1, STDIN_FILENO),
                     sizeof(news) - 1);
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.close_reason, ERR_SYNTAX);
    assert_int_equal(count_open_fds(), before - 1);
}

static void
takes_no_more_than_one_descriptor_a_message(void **state)
{
    static const char gift[] = "\0\0\0\x0c\3\0\4\0\0\0\0" BODY;
    struct pair *p = *state;
    int two[2] = {STDIN_FILENO, STDIN_FILENO};
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(two))];
    } control = {0};
    struct iovec part = {(void *)(uintptr_t)gift, sizeof(gift) - 1};
    struct msghdr m = {.msg_iov = &part,
                       .msg_iovlen = 1,
                       .msg_control = &control,
                       .msg_controllen = sizeof(control)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(two));
    memcpy(CMSG_DATA(c), two, sizeof(two));
    size_t before = count_open_fds();
    assert_int_equal(sendmsg(p->raw, &m, 0), sizeof(gift) - 1);
    pair_until(p, &p->a.n_closed, 1);
    assert_int_equal(p->a.n_messages, 0);
    assert_int_equal(count_open_fds(), before - 1);
}

int
main(void)
{
#define TEST(name, open) cmocka_unit_test_setup_teardown(name, open, close_pair)
    const struct CMUnitTest tests[] = {
        TEST(brings_a_reply_to_its_call, open_pair),
        TEST(carries_a_thousand_events_in_order, open_pair),
        TEST(answers_a_thousand_calls_at_once, open_pair),
        TEST(carries_the_largest_message_and_refuses_a_larger_one, open_pair),
        TEST(closes_when_more_waits_than_its_queue_holds, open_pair),
        TEST(ends_a_call_at_its_deadline_and_ignores_a_late_reply, open_pair),
        TEST(ends_calls_when_the_peer_closes_before_saying_so, open_pair),
        TEST(ends_calls_when_it_is_freed_and_says_no_more, open_pair),
        TEST(is_silent_about_a_cancelled_call, open_pair),
        TEST(refuses_more_calls_than_the_limit, open_pair),
        TEST(refuses_calls_on_a_channel_that_is_closing, open_pair),
        TEST(ends_a_call_that_is_made_while_others_end, open_pair),
        TEST(can_be_freed_by_the_function_that_gets_a_reply, open_pair),
        TEST(can_be_freed_by_the_function_that_gets_a_message, open_pair),
        TEST(can_be_freed_by_a_call_that_timed_out, open_pair),
        TEST(passes_a_descriptor_with_its_message, open_pair),
        TEST(passes_as_many_descriptors_as_a_birth_sends, open_pair),
        TEST(keeps_no_descriptor_when_it_is_freed, open_pair),
        TEST(hears_what_a_peer_said_before_it_was_gone, open_pair),
        TEST(flushes_before_the_loop_turns, open_raw),
        cmocka_unit_test(closes_a_channel_that_breaks_the_rules),
        TEST(takes_frames_byte_by_byte_and_several_at_once, open_raw),
        TEST(drops_half_a_frame_with_its_peer, open_raw),
        TEST(closes_when_a_reply_is_of_another_type, open_raw),
        TEST(closes_on_a_descriptor_that_no_message_takes, open_raw),
        TEST(takes_no_more_than_one_descriptor_a_message, open_raw),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
