#ifndef CLI_DEMO_INT_H
#define CLI_DEMO_INT_H

#include "cli/admin.h"
#include "cli/web.h"

#include <sys/types.h>

/*
 * What the files of the demo share.  The demo plays everybody: the operator,
 * the customer's browser, the app's backend; portkeep and the emulator are
 * the real programs, in a folder of their own.
 *
 * Every step says whether it held.  One that did not makes the demo fail;
 * one without which nothing more can be shown ends it.
 */
#define DEMO_APP "crm-sync"
#define DEMO_PORTALS 3
#define DEMO_FIRST_PORTAL 1001
#define DEMO_SHORT_PORTAL 1003 /* whose first token lives DEMO_SHORT_S */
#define DEMO_SHORT_S 2
#define DEMO_LEAVING_PORTAL 1002 /* uninstalls at HubSpot */
#define DEMO_WHSEC DEMO_APP ".whsec"

struct demo {
    struct cli *cli;
    struct admin *admin; /* NULL until the service runs */
    struct web web;
    struct arena *arena;
    char folder[64];
    struct str emulator_url, public_url, private_url;
    struct str target_url; /* where the backend takes events */
    struct demo_backend *backend;
    pid_t emulator, service;   /* 0: does not run */
    struct buf authorization;  /* "Bearer pkeep_...", the backend's key */
    int64_t last_connected_us; /* the account whose token is short-lived */
    unsigned n_held, n_failed;
    bool is_coloured;
};

/* demo_say.c */
void demo_heading(struct demo *d, const char *text);
/* A line with a tick or a cross; us < 0: without a time.  Returns held. */
bool demo_check(struct demo *d, bool held, int64_t us, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A line without a judgement. */
void demo_note(const struct demo *d, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int64_t demo_now_us(void);

/* demo_place.c: true if it could be done. */
bool demo_open(struct demo *d);
/* Ends what was started; takes the folder away unless it is to stay. */
void demo_close(struct demo *d, bool is_kept);
/* Set by SIGINT and SIGTERM, which end the processes too. */
bool demo_is_interrupted(void);
/* The last lines of the service's log, where something went wrong. */
void demo_show_log(const struct demo *d);
/* Waits; less if a signal comes. */
void demo_pause_ms(long ms);
/* Whether both programs still run. */
bool demo_is_alive(struct demo *d);
/* A file of that name in the folder. */
struct str demo_path(const struct demo *d, const char *name);

/* demo_data.c: how often bytes stand in the files of the data folder. */
size_t demo_count_in_data(const struct demo *d, struct str bytes);

/* demo_talk.c: to the emulator and the private listener.  A failed call
 * leaves status 0.  The body is JSON; json is NULL if it is not, and the
 * caller's to json_decref. */
struct demo_answer {
    unsigned status;
    int64_t took_us;
    json_t *json;
};
void demo_emulator(struct demo *d, const char *method, const char *path,
                   const char *body, struct demo_answer *out);
void demo_private(struct demo *d, const char *method, const char *path,
                  struct demo_answer *out);
void demo_private_spec(struct demo *d, const char *method, const char *path,
                       struct http_header *header, struct http_call_spec *out);
/* An account's refresh token, by the operator's export. */
struct str demo_refresh_token(struct demo *d, uint64_t portal);
/* Refreshes that reached HubSpot. */
uint64_t demo_n_refreshes(struct demo *d);

/* demo_browser.c: one browser, from a connect link to the last page. */
struct demo_visit {
    int64_t leave_us;       /* portkeep sends it to HubSpot */
    int64_t consent_us;     /* HubSpot's page */
    int64_t allow_us;       /* "Allow", back with a code */
    int64_t return_us;      /* portkeep takes the code and answers */
    int64_t returned_at_us; /* when that began, unix microseconds */
    unsigned status;        /* of the last page */
    const char *problem;    /* NULL: it came through */
};
void demo_browse(struct demo *d, struct str link, uint64_t portal,
                 struct demo_visit *out);

/*
 * demo_backend.c: the app's backend takes events while the demo waits for
 * something (web_wait, web_pause), and keeps those that it has.
 */
struct demo_delivery {
    json_t *body;
    bool is_signed;
    int64_t at_us;
};
bool demo_backend_open(struct demo *d); /* makes the secret, too */
void demo_backend_close(struct demo *d);
/* How many of a type and an account came; out: the last one, if any. */
size_t demo_backend_count(const struct demo *d, const char *type,
                          uint64_t portal, const struct demo_delivery **out);
/* Waits until there are so many.  NULL: they did not come. */
const struct demo_delivery *demo_backend_wait(struct demo *d, const char *type,
                                              uint64_t portal, size_t n);
/* From now on each is printed as it comes. */
void demo_backend_print(struct demo *d);

/* The parts of the script; false: nothing more can be shown. */
bool demo_connect_all(struct demo *d); /* demo_connect.c */
void demo_show_sealed(struct demo *d); /* demo_use.c, as the rest */
void demo_show_calls(struct demo *d);
void demo_show_refresh(struct demo *d);
void demo_show_end(struct demo *d);
void demo_show_events(struct demo *d); /* demo_events.c, as the next */
void demo_show_uninstall(struct demo *d);
void demo_show_receipt(struct demo *d, const json_t *receipt);

/* demo_hand.c: what to try by hand. */
void demo_invite(struct demo *d);

#endif
