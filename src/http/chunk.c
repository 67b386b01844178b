#include "http/chunk.h"

#include "base/limits.h"
#include "http/head.h"

/*
 *   SIZE -> EXTENSION .. GAP -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE
 *     \_______________________/        \-> TRAILER_START (after a size of zero)
 *
 * An extension's own states are the table of step_extension.
 *
 *   TRAILER_START -> TRAILER_NAME -> TRAILER_VALUE -> TRAILER_LF -> START
 *                \-> LAST_LF -> END
 */

void
chunk_start(struct chunk_reader *r)
{
    *r = (struct chunk_reader){.state = CHUNK_SIZE};
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

static bool
is_text(char c)
{
    return ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
}

/* Names of trailers are read less strictly than those of headers, since
 * nobody sees them; but no line may look like a folded one. */
static bool
is_name(char c)
{
    return c > 0x20 && c < 0x7f && c != ':';
}

static enum err
step_size(struct chunk_reader *r, char c)
{
    int digit = hex_value(c);
    if (digit >= 0) {
        /* Sixty bits at most, so that no sum overflows. */
        if (r->left >> 56 != 0)
            return ERR_SYNTAX;
        r->left = r->left << 4 | (unsigned)digit;
        r->n_digits++;
        return ERR_OK;
    }
    if (r->n_digits == 0)
        return ERR_SYNTAX;
    if (c == '\r')
        r->state = CHUNK_SIZE_LF;
    else if (c == ';')
        r->state = CHUNK_EXTENSION;
    else if (c == ' ' || c == '\t')
        r->state = CHUNK_GAP;
    else
        return ERR_SYNTAX;
    return ERR_OK;
}

/* What a byte can be in an extension. */
enum chunk_byte {
    BYTE_BAD, /* stands nowhere */
    BYTE_SPACE,
    BYTE_TOKEN,
    BYTE_EQUALS,
    BYTE_SEMICOLON,
    BYTE_QUOTE,
    BYTE_BACKSLASH,
    BYTE_CR,
    BYTE_OTHER, /* in quotes only */
    BYTES,
};

static enum chunk_byte
byte_of(char c)
{
    switch (c) {
    case ' ':
    case '\t':
        return BYTE_SPACE;
    case '=':
        return BYTE_EQUALS;
    case ';':
        return BYTE_SEMICOLON;
    case '"':
        return BYTE_QUOTE;
    case '\\':
        return BYTE_BACKSLASH;
    case '\r':
        return BYTE_CR;
    default:
        if (http_is_token(c))
            return BYTE_TOKEN;
        return is_text(c) ? BYTE_OTHER : BYTE_BAD;
    }
}

/*
 * RFC 9112 7.1.1, byte by byte.  A reader that takes a line's end for one
 * within open quotes, and one that does not, would see two different bodies:
 * so quotes must close, and nothing may follow them but an end.
 */
static enum err
step_extension(struct chunk_reader *r, char c)
{
    /* 0, which is no state of an extension: it may not stand here. */
    static const uint8_t next[CHUNK_SIZE_LF][BYTES] = {
        [CHUNK_EXTENSION] =
            {[BYTE_SPACE] = CHUNK_EXTENSION, [BYTE_TOKEN] = CHUNK_NAME},
        [CHUNK_NAME] = {[BYTE_SPACE] = CHUNK_NAME_END,
                        [BYTE_TOKEN] = CHUNK_NAME,
                        [BYTE_EQUALS] = CHUNK_VALUE_START,
                        [BYTE_SEMICOLON] = CHUNK_EXTENSION,
                        [BYTE_CR] = CHUNK_SIZE_LF},
        [CHUNK_NAME_END] = {[BYTE_SPACE] = CHUNK_NAME_END,
                            [BYTE_EQUALS] = CHUNK_VALUE_START,
                            [BYTE_SEMICOLON] = CHUNK_EXTENSION},
        [CHUNK_VALUE_START] = {[BYTE_SPACE] = CHUNK_VALUE_START,
                               [BYTE_TOKEN] = CHUNK_VALUE,
                               [BYTE_QUOTE] = CHUNK_QUOTED},
        [CHUNK_VALUE] = {[BYTE_SPACE] = CHUNK_GAP,
                         [BYTE_TOKEN] = CHUNK_VALUE,
                         [BYTE_SEMICOLON] = CHUNK_EXTENSION,
                         [BYTE_CR] = CHUNK_SIZE_LF},
        [CHUNK_QUOTED] = {[BYTE_SPACE] = CHUNK_QUOTED,
                          [BYTE_TOKEN] = CHUNK_QUOTED,
                          [BYTE_EQUALS] = CHUNK_QUOTED,
                          [BYTE_SEMICOLON] = CHUNK_QUOTED,
                          [BYTE_OTHER] = CHUNK_QUOTED,
                          [BYTE_BACKSLASH] = CHUNK_ESCAPED,
                          [BYTE_QUOTE] = CHUNK_QUOTED_END},
        [CHUNK_ESCAPED] = {[BYTE_SPACE] = CHUNK_QUOTED,
                           [BYTE_TOKEN] = CHUNK_QUOTED,
                           [BYTE_EQUALS] = CHUNK_QUOTED,
                           [BYTE_SEMICOLON] = CHUNK_QUOTED,
                           [BYTE_OTHER] = CHUNK_QUOTED,
                           [BYTE_BACKSLASH] = CHUNK_QUOTED,
                           [BYTE_QUOTE] = CHUNK_QUOTED},
        [CHUNK_QUOTED_END] = {[BYTE_SPACE] = CHUNK_GAP,
                              [BYTE_SEMICOLON] = CHUNK_EXTENSION,
                              [BYTE_CR] = CHUNK_SIZE_LF},
        [CHUNK_GAP] =
            {[BYTE_SPACE] = CHUNK_GAP, [BYTE_SEMICOLON] = CHUNK_EXTENSION},
    };
    uint8_t to = next[r->state][byte_of(c)];
    if (to == 0)
        return ERR_SYNTAX;
    r->state = (enum chunk_state)to;
    return ERR_OK;
}

/* Moves on if c is the one byte that may stand here. */
static enum err
step_fixed(struct chunk_reader *r, char c, char wanted, enum chunk_state next)
{
    if (c != wanted)
        return ERR_SYNTAX;
    r->state = next;
    return ERR_OK;
}

static enum err
step_size_lf(struct chunk_reader *r, char c)
{
    enum chunk_state next = r->left > 0 ? CHUNK_DATA : CHUNK_TRAILER_START;
    r->n_digits = 0;
    r->n_line = 0;
    return step_fixed(r, c, '\n', next);
}

static enum err
step_trailer(struct chunk_reader *r, char c)
{
    switch (r->state) {
    case CHUNK_TRAILER_START:
        if (c == '\r')
            r->state = CHUNK_LAST_LF;
        else if (is_name(c))
            r->state = CHUNK_TRAILER_NAME;
        else
            return ERR_SYNTAX;
        return ERR_OK;
    case CHUNK_TRAILER_NAME:
        if (c == ':')
            r->state = CHUNK_TRAILER_VALUE;
        else if (!is_name(c))
            return ERR_SYNTAX;
        return ERR_OK;
    default:
        if (c == '\r')
            r->state = CHUNK_TRAILER_LF;
        else if (!is_text(c))
            return ERR_SYNTAX;
        return ERR_OK;
    }
}

/* One byte of framing. */
static enum err
step(struct chunk_reader *r, char c)
{
    if (r->state >= CHUNK_EXTENSION && r->state <= CHUNK_GAP)
        return step_extension(r, c);
    switch (r->state) {
    case CHUNK_SIZE:
        return step_size(r, c);
    case CHUNK_SIZE_LF:
        return step_size_lf(r, c);
    case CHUNK_DATA_CR:
        return step_fixed(r, c, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        return step_fixed(r, c, '\n', CHUNK_SIZE);
    case CHUNK_TRAILER_LF:
        return step_fixed(r, c, '\n', CHUNK_TRAILER_START);
    case CHUNK_LAST_LF:
        return step_fixed(r, c, '\n', CHUNK_END);
    default:
        return step_trailer(r, c);
    }
}

/* Without these an endless line would never be an error. */
static enum err
count(struct chunk_reader *r)
{
    bool is_trailer =
        r->state >= CHUNK_TRAILER_START && r->state <= CHUNK_LAST_LF;
    if (is_trailer && ++r->n_trailer > LIMIT_HEAD)
        return ERR_LIMIT;
    if (r->state <= CHUNK_SIZE_LF && ++r->n_line > LIMIT_CHUNK_LINE)
        return ERR_LIMIT;
    return ERR_OK;
}

static struct str
take_data(struct chunk_reader *r, struct str *bytes)
{
    size_t n = r->left < bytes->n ? (size_t)r->left : bytes->n;
    struct str piece = str_of(bytes->p, n);
    *bytes = str_of(bytes->p + n, bytes->n - n);
    r->left -= n;
    if (r->left == 0)
        r->state = CHUNK_DATA_CR;
    return piece;
}

enum err
chunk_next(struct chunk_reader *r, struct str *bytes, struct str *out_piece)
{
    while (r->state != CHUNK_END) {
        if (bytes->n == 0)
            return ERR_AGAIN;
        if (r->state == CHUNK_DATA) {
            *out_piece = take_data(r, bytes);
            return ERR_OK;
        }
        enum err e = count(r);
        if (e == ERR_OK)
            e = step(r, *bytes->p);
        if (e != ERR_OK)
            return e;
        *bytes = str_of(bytes->p + 1, bytes->n - 1);
    }
    *out_piece = STR_NONE;
    return ERR_OK;
}
