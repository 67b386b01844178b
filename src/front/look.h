#ifndef FRONT_LOOK_H
#define FRONT_LOOK_H

#include "base/buf.h"
#include "front/texts.h"

/*
 * How the pages look: one style sheet, one drawing for each mood, all of it
 * in the page itself.  No script, no font, no picture from anywhere.
 *
 *     look_add_style(&html);
 *     look_add_drawing(&html, MOOD_OK);
 *     look_add_policy(&csp);     -- lets exactly that style sheet through
 */
void look_add_style(struct buf *out);
void look_add_drawing(struct buf *out, enum mood mood);
/* The class of the element around both: it sets the tone. */
const char *look_class(enum mood mood);
/* The value of Content-Security-Policy. */
void look_add_policy(struct buf *out);
/* /favicon.ico, as SVG. */
struct str look_icon(void);
#define LOOK_ICON_TYPE "image/svg+xml"

#endif
