#ifndef BASE_APIKEY_H
#define BASE_APIKEY_H

#include "base/buf.h"

struct env;

/*
 * The written form of an API key: "pkeep_", 43 characters of base64url (32
 * random bytes), and 6 more that are a checksum of all before them.  Secret
 * scanners and the relay tell by it that something is a key of ours, and not
 * a cut or mistyped one, without asking anybody.
 *
 *     apikey_make(env, &out);               -- out wipes itself
 *     if (!apikey_is_formed(text)) ...      -- says nothing about rights
 */
#define APIKEY_PREFIX "pkeep_"
#define APIKEY_LEN 55

/* Appends a new key to out, which must be made with buf_init_secret. */
void apikey_make(struct env *env, struct buf *out);
bool apikey_is_formed(struct str text);

#endif
