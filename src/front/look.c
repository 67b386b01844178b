#include "front/look.h"

#include <sodium.h>

/*
 * Contrast of each pair is at least 4.5 to 1 in both schemes (WCAG 1.4.3),
 * and no meaning is carried by colour alone: the drawing says it too.
 */
static const char style[] =
    ":root{color-scheme:light dark;"
    "--ground:#eef2f7;--card:#fff;--text:#1c2733;--quiet:#516072;"
    "--line:#d5dde7;--link:#1f55b5;--on-link:#fff;"
    "--ok:#12734a;--warn:#8a5300;--stop:#b3261e;--soft:#f4f7fb}"
    "@media(prefers-color-scheme:dark){:root{"
    "--ground:#0e131a;--card:#18202a;--text:#e9eef5;--quiet:#a9b5c4;"
    "--line:#2d3947;--link:#8fb8ff;--on-link:#0d1624;"
    "--ok:#63d3a0;--warn:#f2b65a;--stop:#ff9b93;--soft:#1f2935}}"
    "*{box-sizing:border-box}"
    "body{margin:0;min-height:100vh;display:flex;flex-direction:column;"
    "align-items:center;justify-content:center;gap:1.25rem;"
    "padding:1.5rem 1rem;background:var(--ground);color:var(--text);"
    "font:1.0625rem/1.55 system-ui,-apple-system,'Segoe UI',Roboto,"
    "'Noto Sans',sans-serif;overflow-wrap:anywhere}"
    "main{width:100%;max-width:33rem;padding:2.25rem 2rem;"
    "background:var(--card);border:1px solid var(--line);"
    "border-radius:1rem;box-shadow:0 .5rem 2rem rgba(16,32,56,.08)}"
    ".ok{--tone:var(--ok)}.warn{--tone:var(--warn)}.stop{--tone:var(--stop)}"
    ".app{margin:0 0 1.5rem;color:var(--quiet);font-size:.9375rem;"
    "font-weight:600}"
    "svg{display:block;width:10rem;height:auto;margin:0 0 1.5rem}"
    ".tile{fill:var(--soft);stroke:var(--line);stroke-width:2}"
    ".ink{fill:var(--line)}.wire{stroke:var(--tone);stroke-width:4;"
    "stroke-linecap:round;fill:none}.badge{fill:var(--tone)}"
    ".mark{stroke:var(--card);stroke-width:5;stroke-linecap:round;"
    "stroke-linejoin:round;fill:none}"
    "h1{margin:0 0 .75rem;font-size:1.5rem;line-height:1.25;"
    "letter-spacing:-.01em}"
    "p{margin:0 0 1rem}main>:last-child{margin-bottom:0}"
    "ul{margin:0 0 1rem;padding:.75rem 1rem .75rem 2.25rem;"
    "background:var(--soft);border-radius:.625rem}"
    ".detail{padding:.75rem 1rem;background:var(--soft);"
    "border-radius:.625rem}"
    ".go{margin:1.5rem 0 0}"
    "a{color:var(--link)}"
    "a:focus-visible{outline:3px solid var(--link);outline-offset:3px}"
    ".go a{display:inline-block;padding:.75rem 1.5rem;border-radius:.625rem;"
    "background:var(--link);color:var(--on-link);font-weight:600;"
    "text-decoration:none}"
    "footer{width:100%;max-width:33rem;color:var(--quiet);"
    "font-size:.875rem;text-align:center}"
    "footer p{margin:0 0 .375rem}footer a{color:inherit}"
    "code{font:.8125rem ui-monospace,Menlo,Consolas,monospace}"
    "@media(max-width:28rem){main{padding:1.75rem 1.25rem}}"
    "@media(forced-colors:active){.badge{fill:CanvasText}"
    ".mark{stroke:Canvas}.wire{stroke:CanvasText}}";

/* Two tiles, an app and an account, and what is between them. */
static const char drawing_begin[] =
    "<svg viewBox=\"0 0 200 96\" aria-hidden=\"true\" focusable=\"false\">"
    "<rect class=\"tile\" x=\"2\" y=\"12\" width=\"64\" height=\"72\""
    " rx=\"12\"/>"
    "<rect class=\"ink\" x=\"16\" y=\"28\" width=\"36\" height=\"8\""
    " rx=\"4\"/>"
    "<rect class=\"ink\" x=\"16\" y=\"44\" width=\"28\" height=\"8\""
    " rx=\"4\"/>"
    "<rect class=\"ink\" x=\"16\" y=\"60\" width=\"32\" height=\"8\""
    " rx=\"4\"/>"
    "<rect class=\"tile\" x=\"134\" y=\"12\" width=\"64\" height=\"72\""
    " rx=\"12\"/>"
    "<circle class=\"ink\" cx=\"166\" cy=\"40\" r=\"11\"/>"
    "<path class=\"ink\" d=\"M146 72a20 16 0 0 1 40 0z\"/>";
static const char drawing_end[] = "</svg>";

static const struct {
    const char *class, *middle;
} moods[] = {
    [MOOD_OK] = {"ok", "<path class=\"wire\" d=\"M72 48h56\"/>"
                       "<circle class=\"badge\" cx=\"100\" cy=\"48\" r=\"20\"/>"
                       "<path class=\"mark\" d=\"M91 49l6 6 12-13\"/>"},
    [MOOD_WARN] = {"warn",
                   "<path class=\"wire\" stroke-dasharray=\"2 9\""
                   " d=\"M72 48h56\"/>"
                   "<circle class=\"badge\" cx=\"100\" cy=\"48\" r=\"20\"/>"
                   "<path class=\"mark\" d=\"M100 38v11M100 58v.1\"/>"},
    [MOOD_STOP] = {"stop",
                   "<path class=\"wire\" d=\"M72 48h3M125 48h3\"/>"
                   "<circle class=\"badge\" cx=\"100\" cy=\"48\" r=\"20\"/>"
                   "<path class=\"mark\" d=\"M93 41l14 14M107 41l-14 14\"/>"},
};

static const char icon[] =
    "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 32 32\">"
    "<rect width=\"32\" height=\"32\" rx=\"7\" fill=\"#1f55b5\"/>"
    "<circle cx=\"12\" cy=\"16\" r=\"5\" fill=\"none\" stroke=\"#fff\""
    " stroke-width=\"3\"/>"
    "<path d=\"M17 16h9M22 16v5M26 16v4\" fill=\"none\" stroke=\"#fff\""
    " stroke-width=\"3\" stroke-linecap=\"round\"/></svg>\n";

void
look_add_style(struct buf *out)
{
    buf_add_text(out, style);
}

const char *
look_class(enum mood mood)
{
    return moods[mood].class;
}

void
look_add_drawing(struct buf *out, enum mood mood)
{
    buf_add_text(out, drawing_begin);
    buf_add_text(out, moods[mood].middle);
    buf_add_text(out, drawing_end);
}

/* The sheet is named by its hash, so a page into which something was
 * smuggled gets neither a style nor a script of its own (CSP 3, 2.3.1). */
void
look_add_policy(struct buf *out)
{
    uint8_t hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(hash),
                                        sodium_base64_VARIANT_ORIGINAL)];
    (void)crypto_hash_sha256(hash, (const uint8_t *)style,
                             sizeof(style) - 1); /* always 0 */
    (void)sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
                            sodium_base64_VARIANT_ORIGINAL); /* returns text */
    buf_addf(out,
             "default-src 'none'; style-src 'sha256-%s'; img-src 'self'; "
             "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
             text);
}

struct str
look_icon(void)
{
    return str_from(icon);
}
