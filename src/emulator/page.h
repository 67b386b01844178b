#ifndef EMULATOR_PAGE_H
#define EMULATOR_PAGE_H

#include "emulator/call.h"

/*
 * HTML pages: one frame, no scripts, light and dark as the browser likes.
 *
 *     page_begin(c, 200, STR("Connected apps"));
 *     page_add(c, "<p>");
 *     page_text(c, name);               -- escaped
 *     page_end(c);
 */
void page_begin(struct call *c, unsigned status, struct str title);
void page_end(struct call *c);

/* HTML of our own, as it stands. */
void page_add(struct call *c, const char *html);
/* Text from anywhere, escaped. */
void page_text(struct call *c, struct str text);
void page_u64(struct call *c, uint64_t number);
/* <input type=hidden>; nothing where value.p is NULL. */
void page_hidden(struct call *c, const char *name, struct str value);
/* A whole page that says what is wrong; `error` is for scripts to read. */
void page_error(struct call *c, unsigned status, const char *error,
                struct str title, struct str sentence);

#endif
