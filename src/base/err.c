#include "base/err.h"

static const char *const names[ERR_COUNT] = {
    [ERR_OK] = "ok",
    [ERR_AGAIN] = "again",
    [ERR_CLOSED] = "closed",
    [ERR_TIMEOUT] = "timeout",
    [ERR_LIMIT] = "limit",
    [ERR_SYNTAX] = "syntax",
    [ERR_INVALID] = "invalid",
    [ERR_NOT_FOUND] = "not_found",
    [ERR_UNAUTHORIZED] = "unauthorized",
    [ERR_FORBIDDEN] = "forbidden",
    [ERR_CONFLICT] = "conflict",
    [ERR_EXPIRED] = "expired",
    [ERR_NEEDS_RECONNECT] = "needs_reconnect",
    [ERR_THROTTLED] = "throttled",
    [ERR_UPSTREAM] = "upstream",
    [ERR_UNREACHABLE] = "unreachable",
    [ERR_UNAVAILABLE] = "unavailable",
    [ERR_STORE] = "store",
    [ERR_CRYPTO] = "crypto",
    [ERR_SYSTEM] = "system",
    [ERR_CONFIG] = "config",
};

const char *
err_name(enum err e)
{
    return (unsigned)e < ERR_COUNT ? names[e] : "unknown";
}
