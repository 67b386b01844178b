#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Every maximum of the project, each with its reason.  Bytes, unless said. */

/* Names */
#define LIMIT_APP 64     /* HubSpot's own limit for an app's uid */
#define LIMIT_REF 255    /* a tenant's id in somebody else's system */
#define LIMIT_TOKEN 2040 /* HubSpot says 512; four times that, one cell */
#define LIMIT_SCOPES 256 /* scopes of one app; HubSpot lists 285 in all */
#define LIMIT_APPS 100   /* HubSpot's limit of apps a developer account */

/* HTTP */
#define LIMIT_HEAD 16384  /* request line and headers together */
#define LIMIT_HEADERS 100 /* headers of one message */
#define LIMIT_TARGET 8192 /* request target; codes and states are long */
#define LIMIT_URL 8192    /* a URL that we build */
#define LIMIT_RETURN                                                     \
    2048                     /* one that a browser is sent back to: goes \
                                into others, percent-encoded and sealed */
#define LIMIT_CHUNK_LINE 256 /* a chunk's size line with its extensions */
#define LIMIT_API_BODY 65536 /* a JSON body of our own API */
#define LIMIT_WEBHOOK_BODY                          \
    524288 /* HubSpot sends 100 events at most, and \
              those need a tenth of it */
#define LIMIT_VERIFY_BODY                                                     \
    1048576                      /* one of those as text in JSON: escaped, or \
                                    a third longer in base64 */
#define LIMIT_OAUTH_REPLY 65536  /* HubSpot's answer to a token call */
#define LIMIT_RELAY_WINDOW 65536 /* unsent bytes of one relayed direction */
#define LIMIT_CONNECTIONS 4096   /* accepted connections of one listener */
#define LIMIT_UPSTREAM 256       /* connections to one host */
#define LIMIT_TARGET_HOST 32     /* connections to one webhook target */
#define LIMIT_TARGET_BODY 65536  /* read of its answer; nothing is used */
#define LIMIT_JOURNAL 16777216   /* a file of the journal; HubSpot says 5 MB */
#define LIMIT_PIECE 500000       /* events of such a file in one message */

/*
 * Leases that a relay holds, a cell of 2 KiB in locked memory each, touched
 * when used: 62.5 MiB at most, under the 64 MiB of the systemd unit.  A lease
 * lives five minutes, so these are the portals that are used 107 times a
 * second in all, if each is used once; of 100,000 portals it is the busiest
 * third.  Leases for all would lock 200 MiB for those that are rarely used,
 * and each of them costs only the question to the keeper that the first call
 * in five minutes costs anyway.  Where the system lets a user lock no more
 * than 8 MiB, LEAST is what fits there.
 */
#define LIMIT_LEASES 32000
#define LIMIT_LEASES_LEAST 3900

/* Between processes */
#define LIMIT_FRAME 1048576 /* one message */
#define LIMIT_CALLS 8192    /* calls in flight on one channel */
#define LIMIT_CHANNEL_QUEUE (8 * LIMIT_FRAME) /* unsent bytes of a channel */

/* Bodies of webhooks on their way to the keeper: what is over is refused, so
 * that the channel, which would close, has always room for the rest. */
#define LIMIT_WEBHOOKS_ASKED (LIMIT_CHANNEL_QUEUE - 2 * LIMIT_FRAME)

/* Configuration */
#define LIMIT_CONFIG_LINE 4096 /* HubSpot's scope lists are long */
#define LIMIT_SECRET_FILE 4096 /* a client secret, a key file's line */

/* Command line */
#define LIMIT_CLI_TEXT 268435456 /* a list of 100,000 portals as a table */

/* Time, in milliseconds */
#define DEADLINE_HEAD_MS 10000    /* a request head to arrive */
#define DEADLINE_BODY_MS 30000    /* silence within a body */
#define DEADLINE_IDLE_MS 75000    /* keep-alive without a request */
#define DEADLINE_ERRAND_MS 20000  /* one call of the courier */
#define DEADLINE_DELIVER_MS 15000 /* one request to a webhook target */
#define DEADLINE_JOURNAL_MS 30000 /* a file of HubSpot's journal */
#define DEADLINE_CALL_MS 25000    /* front and relay waiting for the keeper */
#define DEADLINE_WEBHOOK_MS 4000  /* HubSpot gives up after 5 s */
/* HubSpot's silence in a relayed call: a little more than the 100 s after which
 * its own edge answers 524. */
#define DEADLINE_UPSTREAM_MS 110000
#define DEADLINE_DRAIN_MS 30000 /* running exchanges after SIGTERM */
#define BEAT_MS 250             /* the keeper's beat to relays */

#endif
