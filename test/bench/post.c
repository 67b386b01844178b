#include "base/buf.h"
#include "hubspot/signatures.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * HubSpot as a sender of webhooks, for the benchmark: signs batches of ten
 * new events (3 KB) and posts them over connections that stay open.
 *
 *     bench-post PORT URI SECRET_FILE PORTALS CONNECTIONS SECONDS RATE
 *
 * Portals from 1000001 on take turns.  RATE: requests a second, 0: as fast
 * as the answers come.  Prints one line of JSON.
 */
#define FIRST_PORTAL 1000001 /* as bench-fill numbers them */
#define EVENTS 10
#define CONNECTIONS_MAX 256
#define SAMPLES_MAX 4000000

struct sender {
    int fd;
    int64_t sent_ns; /* 0: idle */
    struct buf out;
    size_t at;
    char in[4096];
    size_t n_in;
};

struct run {
    uint16_t port;
    struct str uri;
    struct hidden secret;
    uint64_t n_portals;
    size_t n_senders;
    int64_t end_ns, step_ns, next_ns; /* step 0: no rate */
    uint64_t n_sent, n_events, n_done, n_refused;
    float *us;
    struct sender senders[CONNECTIONS_MAX];
};

static void
stop(const char *what)
{
    (void)fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t
now_ns(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t); /* both clocks are always there */
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
add_event(struct run *r, struct buf *body, uint64_t portal, int64_t now_ms)
{
    uint64_t n = r->n_events++;
    buf_addf(body,
             "%s{\"eventId\":%" PRIu64
             ",\"subscriptionId\":12,\"portalId\":%" PRIu64
             ",\"appId\":42,\"occurredAt\":%" PRId64
             ",\"subscriptionType\":\"contact.propertyChange\","
             "\"attemptNumber\":0,\"objectId\":%" PRIu64
             ",\"changeSource\":\"CRM_UI\",\"propertyName\":\"lastname\","
             "\"propertyValue\":\"Nobody in particular, of the length that "
             "people's names and notes have\",\"sourceId\":\"userId:123\"}",
             body->n > 1 ? "," : "", n, portal, now_ms, n % 100000);
}

static void
write_request(struct run *r, struct sender *s)
{
    struct buf auto_buf body, signature;
    int64_t now_ms = now_ns(CLOCK_REALTIME) / 1000000;
    uint64_t portal = FIRST_PORTAL + r->n_sent++ % r->n_portals;
    buf_init(&body, 65536);
    buf_init(&signature, 128);
    buf_add_char(&body, '[');
    for (int i = 0; i < EVENTS; i++)
        add_event(r, &body, portal, now_ms);
    buf_add_char(&body, ']');
    struct signature_input input = {.secret = r->secret,
                                    .uri = r->uri,
                                    .request = {STR("POST"), buf_str(&body)},
                                    .timestamp_ms = now_ms};
    signature_make(SIGNATURE_V3, &input, &signature);
    struct str path = r->uri;
    for (int slashes = 0; path.n > 0 && slashes < 3; path.p++, path.n--)
        slashes += *path.p == '/';
    buf_clear(&s->out);
    buf_addf(&s->out,
             "POST /%.*s HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
             "application/json\r\nContent-Length: %zu\r\n" SIGNATURE_HEADER_V3
             ": %.*s\r\n" SIGNATURE_HEADER_TIMESTAMP ": %" PRId64 "\r\n\r\n",
             STR_ARG(path), body.n, STR_ARG(buf_str(&signature)), now_ms);
    buf_add(&s->out, buf_str(&body));
    s->at = 0;
    s->n_in = 0;
    s->sent_ns = now_ns(CLOCK_MONOTONIC);
}

static void
take_answer(struct run *r, struct sender *s)
{
    ssize_t n = read(s->fd, s->in + s->n_in, sizeof(s->in) - 1 - s->n_in);
    if (n <= 0)
        stop("a connection ended");
    s->n_in += (size_t)n;
    s->in[s->n_in] = '\0';
    char *end = strstr(s->in, "\r\n\r\n");
    const char *length = strstr(s->in, "Content-Length: ");
    size_t body = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
    if (end == NULL || s->n_in < (size_t)(end + 4 - s->in) + body)
        return;
    r->n_refused += strncmp(s->in, "HTTP/1.1 200 ", 13) != 0;
    if (r->n_done < SAMPLES_MAX)
        r->us[r->n_done] = (float)(now_ns(CLOCK_MONOTONIC) - s->sent_ns) / 1000;
    r->n_done++;
    s->sent_ns = 0;
}

static void
send_more(struct sender *s)
{
    ssize_t n = write(s->fd, s->out.p + s->at, s->out.n - s->at);
    if (n < 0 && errno != EAGAIN)
        stop("write");
    s->at += n > 0 ? (size_t)n : 0;
}

static bool
is_due(struct run *r, int64_t now)
{
    if (now >= r->end_ns || (r->step_ns > 0 && now < r->next_ns))
        return false;
    if (r->step_ns > 0)
        r->next_ns += r->step_ns;
    return true;
}

/* False: all is answered and the time is over. */
static bool
turn(struct run *r)
{
    struct pollfd fds[CONNECTIONS_MAX];
    int64_t now = now_ns(CLOCK_MONOTONIC);
    bool is_busy = now < r->end_ns;
    for (size_t i = 0; i < r->n_senders; i++) {
        struct sender *s = &r->senders[i];
        if (s->sent_ns == 0 && is_due(r, now))
            write_request(r, s);
        is_busy = is_busy || s->sent_ns != 0;
        fds[i].fd = s->fd;
        fds[i].events =
            (short)(POLLIN |
                    (s->sent_ns != 0 && s->at < s->out.n ? POLLOUT : 0));
    }
    if (poll(fds, r->n_senders, r->step_ns > 0 ? 1 : 100) < 0)
        stop("poll");
    for (size_t i = 0; i < r->n_senders; i++) {
        struct sender *s = &r->senders[i];
        if ((fds[i].revents & POLLOUT) != 0)
            send_more(s);
        if ((fds[i].revents & (POLLIN | POLLHUP)) != 0)
            take_answer(r, s);
    }
    return is_busy;
}

static void
connect_all(struct run *r)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(r->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (size_t i = 0; i < r->n_senders; i++) {
        struct sender *s = &r->senders[i];
        buf_init(&s->out, 131072);
        s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (s->fd < 0 ||
            connect(s->fd, (const struct sockaddr *)&to, sizeof(to)) != 0)
            stop("connect");
    }
}

static int
compare(const void *a, const void *b)
{
    const float *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

int
main(int argc, char **argv)
{
    static struct run r;
    char secret[256];
    if (argc != 8 || slab_open(64) != ERR_OK) {
        (void)fprintf(stderr, "usage: see test/bench/post.c\n");
        return 2;
    }
    FILE *f = fopen(argv[3], "re");
    if (f == NULL || fgets(secret, sizeof(secret), f) == NULL)
        stop(argv[3]);
    (void)fclose(f); /* only read */
    r.port = (uint16_t)strtoul(argv[1], NULL, 10);
    r.uri = str_from(argv[2]);
    r.secret = HIDDEN(str_of(secret, strcspn(secret, "\n")));
    r.n_portals = strtoul(argv[4], NULL, 10);
    r.n_senders = strtoul(argv[5], NULL, 10);
    if (r.n_senders == 0 || r.n_senders > CONNECTIONS_MAX || r.n_portals == 0)
        return 2;
    double seconds = strtod(argv[6], NULL), rate = strtod(argv[7], NULL);
    r.n_events = (uint64_t)now_ns(CLOCK_REALTIME) / 1000;
    r.us = calloc(SAMPLES_MAX, sizeof(*r.us));
    if (r.us == NULL)
        stop("memory");
    connect_all(&r);
    int64_t start = now_ns(CLOCK_MONOTONIC);
    r.end_ns = start + (int64_t)(seconds * 1e9);
    r.step_ns = rate > 0 ? (int64_t)(1e9 / rate) : 0;
    r.next_ns = start;
    while (turn(&r))
        ;
    double took = (double)(now_ns(CLOCK_MONOTONIC) - start) / 1e9;
    size_t n = r.n_done < SAMPLES_MAX ? r.n_done : SAMPLES_MAX;
    qsort(r.us, n, sizeof(*r.us), compare);
    (void)printf("{\"requests\":%" PRIu64 ",\"refused\":%" PRIu64
                 ",\"seconds\":%.3f,\"p50_us\":%.0f,\"p99_us\":%.0f}\n",
                 r.n_done, r.n_refused, took, n > 0 ? r.us[n / 2] : 0,
                 n > 0 ? r.us[n - 1 - n / 100] : 0);
    return 0;
}
