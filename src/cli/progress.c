#include "cli/progress.h"

#include "base/env.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#define TERMINAL_MS 100
#define PLAIN_MS 10000
#define BAR_WIDTH 30

static void
draw_bar(const struct progress *p)
{
    char bar[BAR_WIDTH + 1];
    uint64_t done = p->n_done < p->n_total ? p->n_done : p->n_total;
    uint64_t filled = done * BAR_WIDTH / p->n_total;
    for (unsigned i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    (void)fprintf(stderr, "\r\033[K[%s] %3" PRIu64 " %%  ", bar,
                  done * 100 / p->n_total);
}

static void
draw(struct progress *p, bool is_terminal)
{
    if (is_terminal && p->n_total > 0)
        draw_bar(p);
    else if (is_terminal)
        (void)fprintf(stderr, "\r\033[K");
    (void)fprintf(stderr, "%" PRIu64, p->n_done);
    if (p->n_total > 0)
        (void)fprintf(stderr, " of %" PRIu64, p->n_total);
    (void)fprintf(stderr, " %s%s", p->what, is_terminal ? "" : "\n");
    p->is_drawn = is_terminal;
}

static void
draw_if_due(struct progress *p, int64_t every_ms)
{
    struct env *env = env_real();
    int64_t now = env->mono_ms(env);
    if (p->drawn_ms == 0 && every_ms == PLAIN_MS)
        p->drawn_ms = now; /* the first plain line comes after a while */
    if (now - p->drawn_ms < every_ms)
        return;
    p->drawn_ms = now;
    draw(p, every_ms == TERMINAL_MS);
}

void
progress_step(struct progress *p, uint64_t n)
{
    p->n_done += n;
    draw_if_due(p, isatty(STDERR_FILENO) == 1 ? TERMINAL_MS : PLAIN_MS);
}

void
progress_clear(struct progress *p)
{
    if (p->is_drawn)
        (void)fprintf(stderr, "\r\033[K");
    p->is_drawn = false;
}

void
progress_end(struct progress *p)
{
    bool is_terminal = isatty(STDERR_FILENO) == 1;
    draw(p, is_terminal);
    if (is_terminal)
        (void)fputc('\n', stderr);
    p->is_drawn = false;
}
