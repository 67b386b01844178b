#include "keeper/page.h"

#include "base/limits.h"
#include "keeper/answer.h"

#define PAGE_MAX (LIMIT_FRAME - 1024) /* the message has more than the page */
#define TAIL 1024                     /* a cursor, and what closes it */

static void
note(struct page *p)
{
    p->kept_n = p->json.n;
    p->kept_comma = p->doc.needs_comma;
}

void
page_open(struct page *p, const char *name)
{
    *p = (struct page){.is_cut = false};
    buf_init_secret(&p->json, PAGE_MAX);
    p->doc = doc_into(&p->json);
    doc_open(&p->doc, '{');
    doc_key(&p->doc, name);
    doc_open(&p->doc, '[');
    note(p);
}

void
page_done(struct page *p)
{
    buf_done(&p->json);
}

bool
page_keep(struct page *p, struct str key)
{
    if (buf_err(&p->json) == ERR_OK && p->json.n + TAIL <= PAGE_MAX) {
        note(p);
        p->last = key;
        return true;
    }
    p->is_cut = true;
    return false;
}

bool
page_end_list(struct page *p, bool is_full)
{
    p->json.n = p->kept_n;
    p->json.is_over = false;
    p->doc.needs_comma = p->kept_comma;
    doc_close(&p->doc, ']');
    return (is_full || p->is_cut) && p->last.n > 0;
}

void
page_close(struct turn *t, struct page *p, bool is_full)
{
    bool has_more = page_end_list(p, is_full);
    doc_key(&p->doc, "next");
    if (has_more)
        doc_str(&p->doc, p->last);
    else
        doc_null(&p->doc);
    doc_close(&p->doc, '}');
    answer_document(t, answer_waiter(t), buf_str(&p->json));
}
