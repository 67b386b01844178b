#ifndef FRONT_PAGE_H
#define FRONT_PAGE_H

#include "base/buf.h"

/*
 * One page for a customer, as HTML: what happened, what to do, whom to ask.
 *
 *     struct page p = {.page = PAGE_EXPIRED, .app_title = title, ...};
 *     page_add(&html, &p);
 *
 * Everything in struct page is plain text from anywhere; it is escaped here.
 */
struct page {
    uint32_t page;        /* enum front_page, or one of texts.h */
    struct str app_title; /* empty: "the app" */
    struct str support_url, privacy_url; /* of the app; empty: left out */
    struct str request_id;
    struct str detail;    /* one more sentence, or empty */
    struct str retry_url; /* empty: none, or the same address again */
    uint64_t portal;      /* 0: not known */
    struct strs missing_scopes;
};

/* A page fits in this: scopes and texts have their own maxima. */
#define PAGE_BYTES_MAX 262144

void page_add(struct buf *out, const struct page *p);

#endif
