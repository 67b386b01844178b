#ifndef FRONT_TEXTS_H
#define FRONT_TEXTS_H

#include "proto/front.h"

/*
 * What each page says: one table, so that all of it can be read, judged and
 * translated in one place.
 *
 *     const struct page_text *t = texts_of(PAGE_EXPIRED);
 *
 * {app} stands for the app's name.  `said` is what happened, `next` what to
 * do about it; both are plain text, not HTML.
 */

/* Pages of our own, beside those that the keeper names. */
enum {
    PAGE_NOT_FOUND = PAGE_COUNT,
    PAGE_METHOD,
    PAGE_BAD_REQUEST,
    PAGE_TOO_LARGE,
    PAGE_TOO_SLOW,
    PAGE_BROKEN,
    PAGE_END
};

enum mood { MOOD_OK, MOOD_WARN, MOOD_STOP };

struct page_text {
    unsigned status; /* HTTP */
    enum mood mood;
    const char *id; /* for the log and for tests: "wrong-account" */
    const char *title;
    const char *said;
    const char *next;
    bool can_reload; /* asking for the same address again may help */
};

/* PAGE_BROKEN's for a number that is no page. */
const struct page_text *texts_of(uint32_t page);
/* The page for a status that the server answers by itself. */
uint32_t texts_page_of_status(unsigned status);

#endif
