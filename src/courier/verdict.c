#include "courier/verdict.h"

#include "hubspot/oauth_errors.h"

/* What a refusal says, before it is asked what it was said to. */
enum meaning {
    MEANS_ENDED,       /* the token, or the account, is no more */
    MEANS_CODE,        /* this code is no good */
    MEANS_APP,         /* client id, secret or redirect: every portal */
    MEANS_BAD_REQUEST, /* this cannot be asked for */
    MEANS_THROTTLED,
    MEANS_TRANSIENT,
    MEANS_NOTHING, /* no word that is known */
    MEANING_COUNT
};

/*
 * RFC 6749 5.2 and HubSpot's categories, for answers whose `status` says
 * nothing: either pair of fields, or any one, may be absent.
 */
static const struct {
    struct str word;
    enum meaning meaning;
} words[] = {
    {STR("invalid_grant"), MEANS_ENDED},
    {STR("access_denied"), MEANS_ENDED}, /* goes with BAD_HUB */
    {STR("invalid_client"), MEANS_APP},
    {STR("unauthorized_client"), MEANS_APP},
    {STR("invalid_request"), MEANS_BAD_REQUEST},
    {STR("invalid_scope"), MEANS_BAD_REQUEST},
    {STR("unsupported_grant_type"), MEANS_BAD_REQUEST},
    {STR("server_error"), MEANS_TRANSIENT},
    {STR("temporarily_unavailable"), MEANS_TRANSIENT},
    {STR("INVALID_AUTHENTICATION"), MEANS_ENDED},
    /* Stale, not gone: the keeper refreshes and asks again. */
    {STR("EXPIRED_AUTHENTICATION"), MEANS_BAD_REQUEST},
    {STR("RATE_LIMITS"), MEANS_THROTTLED},
};

/* The same word says different things of a code, a refresh token and an
 * access token.  Calls without client credentials cannot be our fault. */
static const enum errand_outcome outcomes[MEANING_COUNT][8] = {
    /* exchange, refresh, introspect, revoke, uninstall, token info, app
     * token, subscribe */
    [MEANS_ENDED] = {OUTCOME_CODE_REFUSED, OUTCOME_TOKEN_ENDED,
                     OUTCOME_TOKEN_ENDED, OUTCOME_TOKEN_ENDED,
                     OUTCOME_TOKEN_ENDED, OUTCOME_TOKEN_ENDED,
                     OUTCOME_OUR_FAULT, OUTCOME_REFUSED},
    [MEANS_CODE] = {OUTCOME_CODE_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED,
                    OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED,
                    OUTCOME_REFUSED, OUTCOME_REFUSED},
    [MEANS_APP] = {OUTCOME_OUR_FAULT, OUTCOME_OUR_FAULT, OUTCOME_OUR_FAULT,
                   OUTCOME_OUR_FAULT, OUTCOME_REFUSED, OUTCOME_REFUSED,
                   OUTCOME_OUR_FAULT, OUTCOME_REFUSED},
    [MEANS_BAD_REQUEST] = {OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED,
                           OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED,
                           OUTCOME_REFUSED, OUTCOME_REFUSED},
    [MEANS_THROTTLED] = {OUTCOME_THROTTLED, OUTCOME_THROTTLED,
                         OUTCOME_THROTTLED, OUTCOME_THROTTLED,
                         OUTCOME_THROTTLED, OUTCOME_THROTTLED,
                         OUTCOME_THROTTLED, OUTCOME_THROTTLED},
    [MEANS_TRANSIENT] = {OUTCOME_TRANSIENT, OUTCOME_TRANSIENT,
                         OUTCOME_TRANSIENT, OUTCOME_TRANSIENT,
                         OUTCOME_TRANSIENT, OUTCOME_TRANSIENT,
                         OUTCOME_TRANSIENT, OUTCOME_TRANSIENT},
    [MEANS_NOTHING] = {OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED,
                       OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED,
                       OUTCOME_REFUSED, OUTCOME_REFUSED},
};

static enum meaning
meaning_of_word(struct str word)
{
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (str_equal(word, words[i].word))
            return words[i].meaning;
    return MEANS_NOTHING;
}

static enum meaning
meaning_of_status(struct str status)
{
    static const enum meaning meanings[] = {
        [OAUTH_CONNECTION_ENDED] = MEANS_ENDED,
        [OAUTH_CODE_REFUSED] = MEANS_CODE,
        [OAUTH_APP_AT_FAULT] = MEANS_APP,
        [OAUTH_BAD_REQUEST] = MEANS_BAD_REQUEST,
    };
    const struct hubspot_oauth_error *known = hubspot_oauth_error_find(status);
    return known == NULL ? MEANS_NOTHING : meanings[known->meaning];
}

/* `status` is HubSpot's own and the most exact, so it goes first. */
static enum meaning
meaning_of(const struct verdict_facts *f)
{
    enum meaning m = meaning_of_status(f->status);
    if (m == MEANS_NOTHING)
        m = meaning_of_word(f->error);
    if (m == MEANS_NOTHING)
        m = meaning_of_word(f->category);
    return m;
}

static enum errand_outcome
verdict_of_success(const struct verdict_facts *f)
{
    /* Nothing is read from these; RFC 7009 2.2 says so of the first.  A page
     * of a proxy is no success of HubSpot's, though. */
    if (f->kind == ERRAND_REVOKE || f->kind == ERRAND_UNINSTALL ||
        f->kind == ERRAND_SUBSCRIBE)
        return f->is_html ? OUTCOME_TRANSIENT : OUTCOME_OK;
    if (!f->is_json || !f->has_content)
        return OUTCOME_TRANSIENT;
    return f->is_inactive ? OUTCOME_INACTIVE : OUTCOME_OK;
}

enum errand_outcome
verdict(const struct verdict_facts *f)
{
    unsigned http = f->http_status;
    if (http == 429 || http == 477) /* 477: the account is being moved */
        return OUTCOME_THROTTLED;
    bool is_there_already = http == 409 && f->kind == ERRAND_SUBSCRIBE;
    if ((http >= 200 && http < 300) || is_there_already)
        return verdict_of_success(f);
    if (http < 400 || http >= 500 || http == 408 || http == 423)
        return OUTCOME_TRANSIENT;
    if (!f->is_json) /* a proxy speaks, not HubSpot */
        return OUTCOME_TRANSIENT;
    return outcomes[meaning_of(f)][f->kind - ERRAND_EXCHANGE];
}
