#include "base/doc.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/plan_read.h"
#include "cli/run.h"
#include "cli/show.h"

#include <errno.h>
#include <inttypes.h>

/* `portkeep scopes plan`: files in, the smallest set of scopes out. */

static const struct {
    const char *member, *heading;
} places[] = {
    [PLAN_REQUIRED] = {"required", "Required"},
    [PLAN_CONDITIONAL] = {"conditional",
                          "Conditionally required: not every edition of "
                          "HubSpot has them"},
    [PLAN_OPTIONAL] = {"optional",
                       "Optional: only calls that you marked so need them"},
    [PLAN_OF_APP] = {"of_app", "With client credentials: in no configuration, "
                               "portkeep asks by itself"},
    [PLAN_UNPUBLISHED] = {"not_published",
                          "Not published: HubSpot's lists name them, but no "
                          "app can ask for them"},
};

#define N_PLACES (sizeof(places) / sizeof(places[0]))

static int
read_file(struct cli *cli, struct plan *p, const char *name, bool is_optional,
          struct plan_tally *tally)
{
    struct buf auto_buf problem = {0};
    bool is_stdin = strcmp(name, "-") == 0;
    buf_init(&problem, 4096);
    FILE *file = is_stdin ? stdin : fopen(name, "r");
    if (file == NULL)
        return cli_fail(cli, "cannot open %s: %s", name, strerror(errno));
    const struct plan_source source = {
        .file = file,
        .name = is_stdin ? "standard input" : name,
        .is_optional = is_optional,
        .operations = cli_values(cli, "operations")};
    enum err e = plan_read(p, &source, tally, &problem);
    if (!is_stdin)
        (void)fclose(file);
    if (e != ERR_OK)
        return cli_fail(cli, "%s", buf_text(&problem));
    return CLI_DONE;
}

static void
add_call(struct doc *d, const struct plan_kind *k)
{
    doc_open(d, '{');
    doc_field_str(d, "method", k->example.method);
    doc_field_str(d, "path", k->example.path);
    doc_field_str(d, "where", k->example.where);
    doc_field_u64(d, "calls", k->example.n);
    doc_close(d, '}');
}

static void
add_place_json(struct doc *d, const struct plan *p, enum plan_place place)
{
    doc_key(d, places[place].member);
    doc_open(d, '[');
    for (size_t i = 0; i < p->n_scopes; i++) {
        const struct plan_scope *s = &p->scopes[i];
        if (s->place != place)
            continue;
        doc_open(d, '{');
        doc_field_str(d, "scope", s->scope->name);
        doc_field_str(d, "edition", str_from(s->scope->tier->words));
        doc_key(d, "needed_by");
        doc_open(d, '[');
        for (size_t k = 0; k < s->n_needed_by; k++)
            add_call(d, s->needed_by[k]);
        doc_close(d, ']');
        doc_close(d, '}');
    }
    doc_close(d, ']');
}

static void
add_kinds_json(struct doc *d, const struct plan *p, enum endpoint_kind kind,
               const char *member)
{
    doc_key(d, member);
    doc_open(d, '[');
    for (size_t i = 0; i < p->n_kinds; i++)
        if (p->kinds[i]->endpoint.kind == kind)
            add_call(d, p->kinds[i]);
    doc_close(d, ']');
}

static void
add_block(struct doc *d, const struct plan *p)
{
    struct strs optional = plan_names(p, PLAN_OPTIONAL);
    struct strs conditional = plan_names(p, PLAN_CONDITIONAL);
    doc_open(d, '{');
    doc_field_strs(d, "requiredScopes", plan_names(p, PLAN_REQUIRED));
    doc_field_strs(d, "conditionallyRequiredScopes", conditional);
    doc_field_strs(d, "optionalScopes", optional);
    doc_close(d, '}');
}

static void
add_config(struct buf *out, struct plan *p)
{
    static const struct {
        const char *key;
        enum plan_place place;
    } lines[] = {{"scopes", PLAN_REQUIRED},
                 {"conditional_scopes", PLAN_CONDITIONAL},
                 {"optional_scopes", PLAN_OPTIONAL}};
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct str all =
            arena_join(p->arena, plan_names(p, lines[i].place), ' ');
        if (all.n > 0)
            buf_addf(out, "%s = %.*s\n", lines[i].key, STR_ARG(all));
    }
}

static void
add_json(struct buf *out, struct plan *p, const struct plan_tally *tally)
{
    struct buf auto_buf config = {0};
    buf_init(&config, LIMIT_CLI_TEXT);
    add_config(&config, p);
    struct doc d = doc_into(out);
    doc_open(&d, '{');
    doc_field_u64(&d, "calls", p->n_calls);
    doc_field_u64(&d, "kinds", p->n_kinds);
    for (size_t i = 0; i < N_PLACES; i++)
        add_place_json(&d, p, (enum plan_place)i);
    add_kinds_json(&d, p, ENDPOINT_UNKNOWN, "unknown");
    add_kinds_json(&d, p, ENDPOINT_UNSPECIFIED, "not_listed");
    doc_field_u64(&d, "unknown_left_out", p->n_dropped);
    doc_field_u64(&d, "to_other_hosts", tally->n_foreign);
    doc_field_u64(&d, "passed_over", tally->n_other);
    doc_field_str(&d, "config", buf_str(&config));
    doc_key(&d, "app_hsmeta_auth");
    add_block(&d, p);
    doc_close(&d, '}');
}

/* The path stands in quotes: it came from outside. */
static void
add_call_text(struct buf *out, const struct plan_kind *k)
{
    buf_addf(out, "      %.*s %s", STR_ARG(k->example.method),
             log_quote(k->example.path));
    buf_addf(out, "  (%s", log_quote(k->example.where));
    if (k->example.n > 1)
        buf_addf(out, ", %" PRIu64 " such calls", k->example.n);
    buf_add_text(out, ")\n");
}

static void
add_place_text(struct buf *out, const struct plan *p, enum plan_place place)
{
    bool is_first = true;
    for (size_t i = 0; i < p->n_scopes; i++) {
        const struct plan_scope *s = &p->scopes[i];
        if (s->place != place)
            continue;
        if (is_first)
            buf_addf(out, "\n%s:\n", places[place].heading);
        is_first = false;
        buf_addf(out, "  %s  (%s)\n", s->scope->name.p, s->scope->tier->words);
        for (size_t k = 0; k < s->n_needed_by; k++)
            add_call_text(out, s->needed_by[k]);
        if (s->n_needed_by == 0)
            buf_add_text(out, "      every app has it\n");
    }
}

static void
add_kinds_text(struct buf *out, const struct plan *p, enum endpoint_kind kind,
               const char *heading)
{
    bool is_first = true;
    for (size_t i = 0; i < p->n_kinds; i++) {
        if (p->kinds[i]->endpoint.kind != kind)
            continue;
        if (is_first)
            buf_addf(out, "\n%s:\n", heading);
        is_first = false;
        add_call_text(out, p->kinds[i]);
    }
}

static void
add_text(struct buf *out, struct plan *p, const struct plan_tally *tally)
{
    buf_addf(out, "%" PRIu64 " call%s of %zu kind%s\n", p->n_calls,
             p->n_calls == 1 ? "" : "s", p->n_kinds,
             p->n_kinds == 1 ? "" : "s");
    for (size_t i = 0; i < N_PLACES; i++)
        add_place_text(out, p, (enum plan_place)i);
    add_kinds_text(out, p, ENDPOINT_UNKNOWN,
                   "Unknown endpoints: nothing is said about their scopes");
    add_kinds_text(out, p, ENDPOINT_UNSPECIFIED,
                   "No list names the scopes of these, or their object type "
                   "is not known");
    if (tally->n_foreign > 0)
        buf_addf(out, "\nLeft out: %" PRIu64 " to other hosts, as %s\n",
                 tally->n_foreign, log_quote(tally->foreign));
    if (tally->n_other > 0)
        buf_addf(out,
                 "\nPassed over, no calls of the API: %" PRIu64
                 ", the first at %s\n",
                 tally->n_other, log_quote(tally->other));
    buf_add_text(out, "\nFor the app's section in portkeep.conf:\n\n");
    add_config(out, p);
    buf_add_text(out, "\nFor app-hsmeta.json, in config.auth:\n\n");
    struct doc d = doc_into(out);
    add_block(&d, p);
    buf_add_char(out, '\n');
}

static bool
take_edition(const struct cli *cli, enum hubspot_edition *out)
{
    const char *word = cli_value(cli, "edition");
    *out = EDITION_FREE;
    if (word == NULL)
        return true;
    for (int i = EDITION_FREE; i <= EDITION_ENTERPRISE; i++)
        if (str_equal_nocase(str_from(word),
                             str_from(hubspot_edition_name(i)))) {
            *out = (enum hubspot_edition)i;
            return true;
        }
    (void)cli_usage(cli,
                    "--edition is free, starter, professional or "
                    "enterprise, not %s",
                    log_quote(str_from(word)));
    return false;
}

static int
complain(struct cli *cli, const struct plan *p)
{
    uint64_t n = p->n_dropped;
    for (size_t i = 0; i < p->n_kinds; i++)
        n += p->kinds[i]->endpoint.kind < ENDPOINT_OPEN;
    if (n == 0)
        return CLI_DONE;
    return cli_fail(cli,
                    "the scopes of %" PRIu64 " kind%s of call are not known: "
                    "these may need more than is listed here",
                    n, n == 1 ? "" : "s");
}

int
do_scopes_plan(struct cli *cli)
{
    struct buf auto_buf out = {0};
    struct plan_tally tally = {0};
    struct plan *p = plan_new(cli->arena);
    const char *optional = cli_value(cli, "optional");
    enum hubspot_edition edition;
    if (!take_edition(cli, &edition))
        return CLI_USAGE;
    int status = read_file(cli, p, cli_arg(cli, 0), false, &tally);
    if (status == CLI_DONE && optional != NULL)
        status = read_file(cli, p, optional, true, &tally);
    if (status != CLI_DONE)
        return status;
    plan_solve(p, edition);
    buf_init(&out, LIMIT_CLI_TEXT);
    if (cli->is_json)
        add_json(&out, p, &tally);
    else
        add_text(&out, p, &tally);
    if (cli->is_json)
        status = show_document(cli, buf_str(&out));
    else
        status = cli_print(cli, buf_str(&out));
    return status == CLI_DONE ? complain(cli, p) : status;
}
