#ifndef KEEPER_PAGE_H
#define KEEPER_PAGE_H

#include "base/doc.h"
#include "keeper/turn.h"

/*
 * A page of rows as a JSON document, cut before the row that does not fit
 * into one message: the asker goes on from `next`.
 *
 *     struct page auto_page p;
 *     page_open(&p, "portals");
 *     for (...) {
 *         add_one(&p.doc, ...);
 *         if (!page_keep(&p, key))
 *             break;
 *     }
 *     page_close(t, &p, found->n_rows == limit);    -- answers
 */
struct page {
    struct buf json;
    struct doc doc;
    /* Up to the last row that fitted. */
    size_t kept_n;
    bool kept_comma;
    struct str last; /* its key */
    bool is_cut;
};

void page_open(struct page *p, const char *name);
void page_done(struct page *p);
#define auto_page __attribute__((cleanup(page_done)))

/* After a row.  False: it did not fit, and is not in the page. */
bool page_keep(struct page *p, struct str key);
/* Ends the list; true: there are rows behind the page.  For documents whose
 * `next` is not a key. */
bool page_end_list(struct page *p, bool is_full);
/* Ends the list and the document, and answers with it. */
void page_close(struct turn *t, struct page *p, bool is_full);

#endif
