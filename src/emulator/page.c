#include "emulator/page.h"

#include "base/text.h"

/* Every pair of text and ground has a contrast of at least 4.5 to 1. */
static const char style[] =
    ":root{color-scheme:light dark;--ground:#f4f6f8;--card:#fff;--text:#1d2733;"
    "--soft:#55616e;--line:#cfd6dd;--accent:#b3401c;--accent-text:#fff;"
    "--focus:#0b57d0}"
    "@media (prefers-color-scheme:dark){:root{--ground:#12171c;--card:#1b2229;"
    "--text:#e8edf2;--soft:#a9b4bf;--line:#3a4550;--accent:#ff9c78;"
    "--accent-text:#2a0f05;--focus:#9cc2ff}}"
    "*{box-sizing:border-box}"
    "body{margin:0;padding:2rem 1rem;background:var(--ground);"
    "color:var(--text);font:1rem/1.5 system-ui,sans-serif}"
    "main{max-width:40rem;margin:0 auto;padding:1.5rem 2rem;"
    "background:var(--card);border:1px solid var(--line);border-radius:12px}"
    "header,footer{max-width:40rem;margin:0 auto 1rem;color:var(--soft);"
    "font-size:.875rem}footer{margin:1rem auto 0}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 .75rem}"
    "h2{font-size:1.125rem;margin:1.75rem 0 .5rem}"
    "p{margin:.5rem 0}code{font-size:.875em;overflow-wrap:anywhere}"
    "ul{padding-left:1.25rem}"
    "fieldset{border:1px solid var(--line);border-radius:8px;margin:1rem 0;"
    "padding:.5rem 1rem}legend{padding:0 .25rem;font-weight:600}"
    "label{display:block;padding:.375rem 0}"
    "input[type=text],select{display:block;width:100%;margin-top:.25rem;"
    "padding:.5rem;font:inherit;color:inherit;background:var(--card);"
    "border:1px solid var(--soft);border-radius:6px}"
    ".soft{color:var(--soft);font-size:.875rem}"
    ".row{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.25rem;"
    "align-items:center}.row>p{flex:1;margin:0}"
    "button{font:inherit;font-weight:600;padding:.5rem 1.25rem;"
    "border-radius:6px;cursor:pointer;border:1px solid var(--soft);"
    "background:var(--card);color:var(--text)}"
    "button.main{background:var(--accent);border-color:var(--accent);"
    "color:var(--accent-text)}"
    "a{color:inherit}:focus-visible{outline:3px solid var(--focus);"
    "outline-offset:2px}";

void
page_add(struct call *c, const char *html)
{
    buf_add_text(&c->out, html);
}

void
page_text(struct call *c, struct str text)
{
    text_add_html(&c->out, text);
}

void
page_u64(struct call *c, uint64_t number)
{
    buf_add_u64(&c->out, number);
}

void
page_hidden(struct call *c, const char *name, struct str value)
{
    if (value.p == NULL)
        return;
    page_add(c, "<input type=\"hidden\" name=\"");
    page_add(c, name);
    page_add(c, "\" value=\"");
    page_text(c, value);
    page_add(c, "\">\n");
}

void
page_begin(struct call *c, unsigned status, struct str title)
{
    call_answer_empty(c, status);
    c->type = STR("text/html;charset=utf-8");
    call_header(c, "Cache-Control", STR("no-store"));
    call_header(c, "Referrer-Policy", STR("no-referrer"));
    call_header(c, "X-Content-Type-Options", STR("nosniff"));
    /* No form-action: browsers apply it to the redirect after Allow too. */
    call_header(c, "Content-Security-Policy",
                STR("default-src 'none'; style-src 'unsafe-inline'; "
                    "img-src data:; base-uri 'none'; "
                    "frame-ancestors 'none'"));
    page_add(c, "<!doctype html>\n<html lang=\"en\">\n<head>\n"
                "<meta charset=\"utf-8\">\n"
                "<meta name=\"viewport\" "
                "content=\"width=device-width,initial-scale=1\">\n"
                "<link rel=\"icon\" href=\"data:,\">\n<title>");
    page_text(c, title);
    page_add(c, "</title>\n<style>");
    page_add(c, style);
    page_add(c, "</style>\n</head>\n<body>\n"
                "<header>HubSpot emulator: nothing here is real</header>\n"
                "<main>\n<h1>");
    page_text(c, title);
    page_add(c, "</h1>\n");
}

void
page_end(struct call *c)
{
    page_add(c, "</main>\n<footer><a href=\"/apps\">Connected apps</a>"
                "</footer>\n</body>\n</html>\n");
}

void
page_error(struct call *c, unsigned status, const char *error, struct str title,
           struct str sentence)
{
    page_begin(c, status, title);
    page_add(c, "<p data-error=\"");
    page_add(c, error);
    page_add(c, "\">");
    page_text(c, sentence);
    page_add(c, "</p>\n");
    page_end(c);
}
