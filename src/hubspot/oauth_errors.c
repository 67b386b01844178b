#include "hubspot/oauth_errors.h"

#define ROW(status, error, message, meaning)                      \
    {                                                             \
        {status, sizeof(status) - 1}, {error, sizeof(error) - 1}, \
            {message, sizeof(message) - 1}, meaning               \
    }

static const struct hubspot_oauth_error table[] = {
    ROW("BAD_REFRESH_TOKEN", "invalid_grant",
        "refresh token is invalid, expired or revoked", OAUTH_CONNECTION_ENDED),
    ROW("BAD_HUB", "access_denied", "missing or unknown hub id",
        OAUTH_CONNECTION_ENDED),
    ROW("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code",
        OAUTH_CODE_REFUSED),
    ROW("EXPIRED_AUTH_CODE", "invalid_grant", "auth code has expired",
        OAUTH_CODE_REFUSED),
    ROW("BAD_CODE_VERIFIER", "invalid_grant",
        "code verifier does not match the code challenge", OAUTH_CODE_REFUSED),
    ROW("MISMATCH_REDIRECT_URI_AUTH_CODE", "invalid_grant",
        "redirect URI does not match initial auth code URI",
        OAUTH_APP_AT_FAULT),
    ROW("BAD_REDIRECT_URI", "invalid_request",
        "missing or unregistered redirect URI", OAUTH_APP_AT_FAULT),
    ROW("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id",
        OAUTH_APP_AT_FAULT),
    ROW("BAD_CLIENT_SECRET", "invalid_client",
        "missing or invalid client secret", OAUTH_APP_AT_FAULT),
    ROW("BAD_SCOPES", "invalid_scope", "missing or unknown scopes",
        OAUTH_BAD_REQUEST),
    ROW("BAD_GRANT_TYPE", "unsupported_grant_type",
        "missing or unknown grant type", OAUTH_BAD_REQUEST),
    ROW("USER_LEVEL_CLIENT_CREDENTIALS_NOT_SUPPORTED", "unauthorized_client",
        "client credentials are not supported for user-level apps",
        OAUTH_BAD_REQUEST),
};

const struct hubspot_oauth_error *
hubspot_oauth_error_find(struct str status)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (str_equal(status, table[i].status))
            return &table[i];
    }
    return NULL;
}
