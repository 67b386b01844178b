#include "front/page.h"

#include "base/text.h"
#include "front/look.h"
#include "front/texts.h"
#include "hubspot/scopes.h"

/* More than these on one page help nobody. */
#define SCOPES_SHOWN 40
#define DETAIL_MAX 400

/* A text of the table, with the app's name put in.  Where it is not known,
 * and at the start of a sentence, "The app" has to do. */
static void
add_text(struct buf *out, const char *text, const struct page *p)
{
    static const char mark[] = "{app}";
    const char *at = text, *hit;
    while ((hit = strstr(at, mark)) != NULL) {
        buf_add(out, str_of(at, (size_t)(hit - at)));
        if (p->app_title.n > 0)
            text_add_html(out, p->app_title);
        else
            buf_add_text(out, hit == text ? "The app" : "the app");
        at = hit + sizeof(mark) - 1;
    }
    buf_add_text(out, at);
}

static void
add_paragraph(struct buf *out, const char *class, const char *text,
              const struct page *p)
{
    if (class == NULL)
        buf_add_text(out, "<p>");
    else
        buf_addf(out, "<p class=\"%s\">", class);
    add_text(out, text, p);
    buf_add_text(out, "</p>\n");
}

/* Only addresses of the web and of this host: no other scheme is ever a
 * link, whoever asks for it. */
static bool
is_link(struct str url)
{
    return str_starts(url, STR("https://")) ||
           str_starts(url, STR("http://")) ||
           (str_starts(url, STR("/")) && !str_starts(url, STR("//")));
}

static void
add_link(struct buf *out, struct str url, const char *words)
{
    buf_add_text(out, "<a href=\"");
    text_add_html(out, url);
    buf_addf(out, "\">%s</a>", words);
}

static void
add_scope(struct buf *out, struct str name)
{
    struct hubspot_scope scope;
    struct buf auto_buf words;
    buf_init(&words, 512);
    if (hubspot_scope_find(name, &scope))
        hubspot_scope_add_words(&scope, &words);
    else
        buf_add(&words, name);
    buf_add_text(out, "<li>");
    text_add_html(out, buf_str(&words));
    buf_add_text(out, "</li>\n");
}

static void
add_scopes(struct buf *out, const struct page *p)
{
    size_t n = p->missing_scopes.n;
    if (n == 0)
        return;
    buf_add_text(out, "<p>Missing:</p>\n<ul>\n");
    for (size_t i = 0; i < n && i < SCOPES_SHOWN; i++)
        add_scope(out, p->missing_scopes.v[i]);
    if (n > SCOPES_SHOWN)
        buf_addf(out, "<li>and %zu more</li>\n", n - SCOPES_SHOWN);
    buf_add_text(out, "</ul>\n");
}

static void
add_detail(struct buf *out, struct str detail)
{
    if (detail.n == 0 || detail.n > DETAIL_MAX || !text_is_clean(detail))
        return;
    buf_add_text(out, "<p class=\"detail\">");
    text_add_html(out, detail);
    buf_add_text(out, "</p>\n");
}

static void
add_retry(struct buf *out, const struct page *p, const struct page_text *t)
{
    bool has_url = is_link(p->retry_url);
    if (!has_url && !t->can_reload)
        return;
    buf_add_text(out, "<p class=\"go\">");
    /* An empty address is this page's own, query and all. */
    add_link(out, has_url ? p->retry_url : STR(""), "Try again");
    buf_add_text(out, "</p>\n");
}

static void
add_head(struct buf *out, const struct page *p, const struct page_text *t)
{
    buf_add_text(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n"
                      "<meta charset=\"utf-8\">\n<title>");
    add_text(out, t->title, p);
    buf_add_text(out, "</title>\n"
                      "<meta name=\"viewport\" content=\"width=device-width, "
                      "initial-scale=1\">\n"
                      "<link rel=\"icon\" type=\"" LOOK_ICON_TYPE
                      "\" href=\"/favicon.ico\">\n<style>");
    look_add_style(out);
    buf_add_text(out, "</style>\n</head>\n");
}

static void
add_main(struct buf *out, const struct page *p, const struct page_text *t)
{
    buf_addf(out, "<main class=\"%s\" id=\"%s\">\n", look_class(t->mood),
             t->id);
    if (p->app_title.n > 0)
        add_paragraph(out, "app", "{app}", p);
    look_add_drawing(out, t->mood);
    buf_add_text(out, "\n<h1>");
    add_text(out, t->title, p);
    buf_add_text(out, "</h1>\n");
    add_paragraph(out, NULL, t->said, p);
    add_scopes(out, p);
    add_detail(out, p->detail);
    add_paragraph(out, NULL, t->next, p);
    add_retry(out, p, t);
    buf_add_text(out, "</main>\n");
}

static void
add_foot(struct buf *out, const struct page *p)
{
    bool has_support = is_link(p->support_url);
    bool has_privacy = is_link(p->privacy_url);
    if (!has_support && !has_privacy && p->portal == 0 && p->request_id.n == 0)
        return;
    buf_add_text(out, "<footer>\n");
    if (has_support || has_privacy) {
        buf_add_text(out, "<p>");
        if (has_support)
            add_link(out, p->support_url, "Help and support");
        if (has_support && has_privacy)
            buf_add_text(out, " &middot; ");
        if (has_privacy)
            add_link(out, p->privacy_url, "Privacy");
        buf_add_text(out, "</p>\n");
    }
    if (p->portal != 0) {
        buf_add_text(out, "<p>HubSpot account ");
        buf_add_u64(out, p->portal);
        buf_add_text(out, "</p>\n");
    }
    if (p->request_id.n > 0) {
        buf_add_text(out, "<p>Reference: <code>");
        text_add_html(out, p->request_id);
        buf_add_text(out, "</code></p>\n");
    }
    buf_add_text(out, "</footer>\n");
}

void
page_add(struct buf *out, const struct page *p)
{
    const struct page_text *t = texts_of(p->page);
    add_head(out, p, t);
    buf_add_text(out, "<body>\n");
    add_main(out, p, t);
    add_foot(out, p);
    buf_add_text(out, "</body>\n</html>\n");
}
