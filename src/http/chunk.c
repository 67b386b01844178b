#include "http/chunk.h"

#include "base/limits.h"

/*
 *   SIZE -> EXTENSION -> SIZE_LF -> DATA -> DATA_CR -> DATA_LF -> SIZE ...
 *     \________________/        \-> TRAILER_START (after a size of zero)
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
    else
        return ERR_SYNTAX;
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
    switch (r->state) {
    case CHUNK_SIZE:
        return step_size(r, c);
    case CHUNK_EXTENSION:
        if (c == '\r')
            r->state = CHUNK_SIZE_LF;
        return c == '\r' || is_text(c) ? ERR_OK : ERR_SYNTAX;
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
