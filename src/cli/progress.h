#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * How far a long verb has come, on standard error: one line that is drawn
 * over at a terminal, else a plain line every ten seconds.
 *
 *     struct progress bar = {.what = "portals", .n_total = 1000};
 *     progress_step(&bar, 1);
 *     progress_end(&bar);
 */
struct progress {
    const char *what; /* are counted */
    uint64_t n_done;
    uint64_t n_total; /* 0: not known */
    int64_t drawn_ms; /* when it was last drawn */
    bool is_drawn;    /* a line without its end stands on the terminal */
};

void progress_step(struct progress *p, uint64_t n);
/* Clears the line, so that other text can be printed. */
void progress_clear(struct progress *p);
/* The last state, and the line's end. */
void progress_end(struct progress *p);

#endif
