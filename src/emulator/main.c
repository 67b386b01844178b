#include "emulator/options.h"
#include "emulator/own.h"
#include "emulator/postman.h"
#include "emulator/serve.h"
#include "emulator/state.h"
#include "emulator/world.h"

#include "base/log.h"
#include "http/tls.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * portkeep-emulator: options, a listening socket, the loop, and the file of
 * the state, which is written a moment after each change and at the end.
 */
struct program {
    struct options options;
    struct event_base *base;
    struct world *world;
    struct tls_context *tls;
    struct postman *postman; /* NULL before it is open */
    struct event *save;      /* pending while a change is not saved */
    struct event *signals[2];
};

#define SAVE_AFTER_MS 100

static void
save(struct program *p)
{
    if (p->options.state == NULL || !p->world->is_changed)
        return;
    enum err e = state_save(p->world, p->options.state);
    if (e != ERR_OK)
        log_error("emulator.state", "file=%s error=%s",
                  log_quote(str_from(p->options.state)), err_name(e));
    else
        p->world->is_changed = false;
}

static void
on_save(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    save(arg);
}

static void
on_change(void *arg)
{
    struct program *p = arg;
    static const struct timeval soon = {0, SAVE_AFTER_MS * 1000};
    p->world->is_changed = true;
    if (p->options.state != NULL && !event_pending(p->save, EV_TIMEOUT, NULL))
        (void)event_add(p->save, &soon); /* else the end saves it */
    postman_wake(p->postman);
}

static void
on_signal(evutil_socket_t fd, short what, void *arg)
{
    struct program *p = arg;
    (void)fd;
    (void)what;
    (void)event_base_loopbreak(p->base); /* cannot fail on a running loop */
}

/* -1 with errno. */
static int
open_socket(const struct options *o)
{
    int fd = socket(o->listen.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
        bind(fd, (const struct sockaddr *)&o->listen, o->listen_len) != 0 ||
        listen(fd, SOMAXCONN) != 0) {
        (void)close(fd); /* nothing was written */
        return -1;
    }
    return fd;
}

/* "http://127.0.0.1:8790", with the port that was really taken. */
static struct str
origin_of(const struct options *o, int fd)
{
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    char host[INET6_ADDRSTRLEN] = "";
    char text[128];
    unsigned port = 0;
    memset(&at, 0, sizeof(at));
    (void)getsockname(fd, (struct sockaddr *)&at, &len); /* it is bound */
    if (at.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&at;
        (void)inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
        port = ntohs(v4->sin_port);
    } else {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&at;
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
        port = ntohs(v6->sin6_port);
    }
    bool is_v6 = at.ss_family == AF_INET6;
    int n = snprintf(text, sizeof(text), "%s://%s%s%s:%u",
                     o->tls_cert != NULL ? "https" : "http", is_v6 ? "[" : "",
                     host, is_v6 ? "]" : "", port);
    return own_text(str_of(text, (size_t)n));
}

static enum err
open_tls(struct program *p, struct buf *out_why)
{
    if (p->options.tls_cert == NULL)
        return ERR_OK;
    int chain = open(p->options.tls_cert, O_RDONLY | O_CLOEXEC);
    int key = open(p->options.tls_key, O_RDONLY | O_CLOEXEC);
    enum err e =
        chain < 0 || key < 0 ? ERR_SYSTEM : tls_server_new(chain, key, &p->tls);
    if (chain >= 0)
        (void)close(chain); /* only read */
    if (key >= 0)
        (void)close(key); /* only read */
    if (e != ERR_OK)
        buf_addf(out_why,
                 "%s and %s are no certificate and key that go "
                 "together",
                 p->options.tls_cert, p->options.tls_key);
    return e;
}

static enum err
open_world(struct program *p, struct buf *out_why)
{
    const struct options *o = &p->options;
    p->world = world_new(env_real(), o->seed);
    p->world->secret = own_text(str_from(o->secret));
    p->world->webhook = own_text(str_from(o->webhook));
    for (size_t i = 0; i < o->n_apps; i++) {
        enum err e = apps_declare(&p->world->apps, o->apps[i].path,
                                  str_from(o->apps[i].client_id), out_why);
        if (e != ERR_OK)
            return e;
        if (o->apps[i].webhook != NULL)
            apps_set_webhook(&p->world->apps, str_from(o->apps[i].webhook));
    }
    enum err e = open_tls(p, out_why);
    if (e == ERR_OK && o->state != NULL)
        e = state_load(p->world, o->state, out_why);
    return e;
}

static enum err
run(struct program *p, struct buf *out_why)
{
    int fd = open_socket(&p->options);
    if (fd < 0) {
        buf_add_text(out_why, "cannot listen there: the address is taken, or "
                              "the port is not allowed");
        return ERR_SYSTEM;
    }
    p->world->origin = origin_of(&p->options, fd);
    struct site_setup setup = {.base = p->base,
                               .world = p->world,
                               .fd = fd,
                               .tls = p->tls,
                               .on_change = on_change,
                               .arg = p};
    struct postman_setup mail = {.base = p->base,
                                 .world = p->world,
                                 .ca_file = p->options.ca_file,
                                 .on_change = on_change,
                                 .arg = p};
    struct site *site = site_open(&setup);
    p->postman = postman_open(&mail);
    postman_wake(p->postman); /* for what an earlier run left */
    (void)printf("emulator listening on %.*s\n", STR_ARG(p->world->origin));
    (void)fflush(stdout); /* nobody may be reading: it goes on all the same */
    (void)event_base_dispatch(p->base); /* ends by loopbreak */
    site_close(site);
    postman_close(p->postman);
    save(p);
    return ERR_OK;
}

static void
open_events(struct program *p)
{
    static const int numbers[] = {SIGTERM, SIGINT};
    p->base = event_base_new();
    if (p->base == NULL)
        abort();
    p->save = evtimer_new(p->base, on_save, p);
    for (size_t i = 0; i < 2; i++) {
        p->signals[i] = evsignal_new(p->base, numbers[i], on_signal, p);
        if (p->signals[i] == NULL || event_add(p->signals[i], NULL) != 0)
            abort();
    }
}

static void
close_all(struct program *p)
{
    world_free(p->world);
    tls_free(p->tls);
    event_free(p->save);
    event_free(p->signals[0]);
    event_free(p->signals[1]);
    event_base_free(p->base);
}

int
main(int argc, char **argv)
{
    struct program p = {0};
    struct buf auto_buf text;
    buf_init(&text, 16384);
    if (options_read(argc, argv, &p.options, &text) != ERR_OK) {
        (void)fprintf(stderr, "portkeep-emulator: %s\n", buf_text(&text));
        return 2;
    }
    if (p.options.wants_help) {
        options_add_help(&text);
        return fputs(buf_text(&text), stdout) < 0;
    }
    if (sodium_init() < 0)
        return 1;
    log_open("emulator", 0, LOG_INFO);
    (void)signal(SIGPIPE, SIG_IGN); /* a closed client is an error code */
    open_events(&p);
    enum err e = open_world(&p, &text);
    if (e == ERR_OK)
        e = run(&p, &text);
    if (e != ERR_OK)
        (void)fprintf(stderr, "portkeep-emulator: %s\n", buf_text(&text));
    close_all(&p);
    return e == ERR_OK ? 0 : 1;
}
