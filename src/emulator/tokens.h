#ifndef EMULATOR_TOKENS_H
#define EMULATOR_TOKENS_H

#include "base/arena.h"
#include "emulator/grants.h"

/*
 * Tokens of every kind.  Each belongs to a grant and dies with it.
 *
 *     struct token *t = token_find(&w->grants, text);
 *     if (t == NULL || token_is_expired(t, now)) ...
 */
enum token_kind { TOKEN_ACCESS, TOKEN_REFRESH, TOKEN_STATIC };

struct token {
    struct str text;
    enum token_kind kind;
    struct grant *grant;
    int64_t expires_at_ms;         /* 0: never */
    struct token *previous, *next; /* of the grant */
};

/* In HubSpot's form.  An access token lives as long as the settings say. */
struct token *token_new(struct world *w, struct grant *g, enum token_kind kind);
/* With a text and an end of the caller's. */
struct token *token_add(struct grants *all, struct grant *g,
                        enum token_kind kind, struct str text,
                        int64_t expires_at_ms);
void token_remove(struct grants *all, struct token *t);

/* NULL if there is none, or it was revoked. */
struct token *token_find(const struct grants *all, struct str text);
bool token_is_expired(const struct token *t, int64_t now_ms);
/* na1-xxxxxxxx-xxxx-...: refresh tokens and codes look like this. */
struct str token_uuid_text(struct world *w, struct arena *arena,
                           const char *prefix);

#endif
