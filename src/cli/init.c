#define _GNU_SOURCE
#include "cli/init.h"

#include "base/limits.h"
#include "cli/ask.h"
#include "cli/keyfile.h"
#include "cli/run.h"
#include "cli/setup.h"
#include "http/url.h"
#include "sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * `portkeep init`: questions first, then files, none of which is written
 * over; a run that fails takes away what it has made.
 */
#define FILES_MAX 4
#define PLACEHOLDER_URL "https://keep.example.com"

struct init {
    struct cli *cli;
    struct init_plan plan;
    struct str folder;   /* of the configuration and the secrets */
    struct str data_dir; /* of the database */
    struct user user;    /* whose the data is to be, when root runs this */
    bool has_user;
    struct str config, master_key, secret, whsec; /* paths */
    const char *made[FILES_MAX];
    size_t n_made;
};

static struct str
in_folder(const struct init *in, struct str name)
{
    return arena_printf(in->cli->arena, "%.*s/%.*s", STR_ARG(in->folder),
                        STR_ARG(name));
}

/* HubSpot wants the app's own list there; the emulator takes any, so that a
 * first call for contacts works. */
static struct strs
first_scopes(const struct init *in)
{
    bool has_emulator = cli_value(in->cli, "emulator") != NULL;
    struct strs scopes = {arena_alloc(in->cli->arena, 2 * sizeof(struct str)),
                          0};
    scopes.v[scopes.n++] = STR("oauth");
    if (has_emulator)
        scopes.v[scopes.n++] = STR("crm.objects.contacts.read");
    return scopes;
}

/* The name of the app: given, or the uid of the HubSpot project. */
static int
choose_app(struct init *in)
{
    struct cli *cli = in->cli;
    struct buf auto_buf problem = {0};
    const char *from = cli_value(cli, "from");
    struct str wanted = str_from(cli_arg(cli, 0));
    buf_init(&problem, LIMIT_URL);
    if (from != NULL &&
        hsmeta_read(cli->arena, from, &in->plan.meta, &problem) != ERR_OK)
        return cli_fail(cli, "%s", buf_text(&problem));
    if (wanted.n == 0)
        wanted = in->plan.meta.uid;
    in->plan.app = hsmeta_app_name(cli->arena, wanted);
    if (in->plan.app.n == 0)
        return cli_usage(cli, "name the app, or the project's "
                              "app-hsmeta.json with --from");
    if (!str_equal(in->plan.app, wanted))
        cli_note("The app is called %.*s here: names are of small letters, "
                 "digits, - and _.",
                 STR_ARG(in->plan.app));
    if (cli_flag(cli, "static"))
        in->plan.meta.is_static = true;
    if (in->plan.meta.name.n == 0)
        in->plan.meta.name = in->plan.app;
    if (in->plan.meta.scopes.n == 0)
        in->plan.meta.scopes = first_scopes(in);
    return CLI_DONE;
}

/* The project names where customers come back to: that host is ours. */
static struct str
origin_of_redirect(const struct init *in)
{
    struct url u;
    const struct strs *all = &in->plan.meta.redirect_urls;
    for (size_t i = 0; i < all->n; i++) {
        if (url_parse(all->v[i], &u) != ERR_OK ||
            !str_equal(u.scheme, STR("https")))
            continue;
        return u.has_port ? arena_printf(in->cli->arena, "https://%.*s:%u",
                                         STR_ARG(u.host), u.port)
                          : arena_printf(in->cli->arena, "https://%.*s",
                                         STR_ARG(u.host));
    }
    return STR("");
}

static struct str
given_or(const struct cli *cli, const char *option, const char *fallback)
{
    const char *given = cli_value(cli, option);
    return str_from(given != NULL ? given : fallback);
}

/* http is for localhost only, whatever address the front listens at. */
static struct str
local_url(struct arena *arena, struct str listen)
{
    struct str rest = listen, port = STR("8700");
    while (str_cut(&rest, ':', &port))
        continue;
    return arena_printf(arena, "http://localhost:%.*s", STR_ARG(port));
}

static void
choose_places(struct init *in)
{
    struct cli *cli = in->cli;
    bool is_local = cli_flag(cli, "local");
    struct init_plan *plan = &in->plan;
    in->folder = given_or(cli, "dir", is_local ? "." : "/etc/portkeep");
    in->data_dir =
        is_local ? in_folder(in, STR("data")) : STR("/var/lib/portkeep");
    in->config = in_folder(in, STR("portkeep.conf"));
    in->master_key = in_folder(in, STR("master.key"));
    in->secret = in_folder(
        in, arena_printf(cli->arena, "%.*s.secret", STR_ARG(plan->app)));
    in->whsec = in_folder(
        in, arena_printf(cli->arena, "%.*s.whsec", STR_ARG(plan->app)));
    plan->public_url = given_or(cli, "public-url", "");
    plan->public_listen = given_or(cli, "public-listen", "127.0.0.1:8700");
    plan->private_listen = given_or(cli, "private-listen", "127.0.0.1:8701");
    plan->admin_socket =
        is_local ? STR("admin.sock") : STR("/run/portkeep/admin.sock");
    plan->store_path = is_local ? STR("data/portkeep.db")
                                : STR("/var/lib/portkeep/portkeep.db");
    /* Relative paths start at the configuration: the folder can move. */
    plan->master_key_path = STR("master.key");
    plan->secret_path =
        arena_printf(cli->arena, "%.*s.secret", STR_ARG(plan->app));
    plan->whsec_path =
        arena_printf(cli->arena, "%.*s.whsec", STR_ARG(plan->app));
    if (plan->public_url.n == 0)
        plan->public_url = is_local ? local_url(cli->arena, plan->public_listen)
                                    : origin_of_redirect(in);
    if (plan->public_url.n == 0)
        plan->public_url = STR(PLACEHOLDER_URL);
}

static void
choose_hubspot(struct init *in)
{
    const char *emulator = cli_value(in->cli, "emulator");
    if (emulator == NULL)
        return;
    in->plan.api_url = str_from(emulator);
    in->plan.authorize_url =
        arena_printf(in->cli->arena, "%s/oauth/authorize", emulator);
}

/* Started by root, the service becomes somebody else, whose the data is. */
static int
choose_user(struct init *in)
{
    if (geteuid() != 0)
        return CLI_DONE;
    if (user_find(STR("portkeep"), &in->user) == ERR_OK) {
        in->has_user = true;
        return CLI_DONE;
    }
    if (!cli_flag(in->cli, "local"))
        return cli_fail(in->cli,
                        "there is no user portkeep yet, whom the service "
                        "becomes: useradd --system --home-dir "
                        "/var/lib/portkeep --shell /usr/sbin/nologin "
                        "portkeep");
    in->plan.user = STR("nobody");
    in->has_user = user_find(in->plan.user, &in->user) == ERR_OK;
    return CLI_DONE;
}

static int
refuse_existing(const struct init *in)
{
    const struct str *files[] = {&in->config, &in->master_key, &in->secret,
                                 &in->whsec};
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
        if (access(files[i]->p, F_OK) == 0)
            return cli_fail(in->cli,
                            "%.*s is there already, and nothing is ever "
                            "written over: for one more app, add a section "
                            "[app %.*s] to the configuration",
                            STR_ARG(*files[i]), STR_ARG(in->plan.app));
    return CLI_DONE;
}

static int
ask_credentials(struct init *in, struct buf *id, struct buf *secret)
{
    struct cli *cli = in->cli;
    const char *given = cli_value(cli, "client-id");
    int status = CLI_DONE;
    if (in->plan.meta.is_static)
        return CLI_DONE;
    if (given != NULL)
        buf_add_text(id, given);
    else
        status = ask_line(cli, "Client id of the app at HubSpot", id);
    if (status == CLI_DONE)
        status = ask_secret(cli, "Client secret", secret);
    in->plan.client_id = str_trim(buf_str(id));
    return status;
}

static int
make_folder(const struct init *in, struct str path, unsigned mode)
{
    struct str name = arena_copy(in->cli->arena, path);
    if (mkdir(name.p, mode) == 0 || errno == EEXIST)
        return CLI_DONE;
    const char *problem = strerror(errno);
    bool is_for_root = errno == EACCES && !cli_flag(in->cli, "local");
    return cli_fail(in->cli, "cannot make the folder %s: %s%s", name.p, problem,
                    is_for_root ? "; run this as root, or try portkeep out "
                                  "in this folder with --local"
                                : "");
}

static int
give_to_user(const struct init *in, struct str path, bool is_whole)
{
    struct str name = arena_copy(in->cli->arena, path);
    uid_t owner = is_whole ? in->user.uid : (uid_t)-1;
    if (in->has_user && chown(name.p, owner, in->user.gid) != 0)
        return cli_fail(in->cli, "cannot give %s to the service's user: %s",
                        name.p, strerror(errno));
    return CLI_DONE;
}

/* systemd starts the service as its user, who must read them; to try it out,
 * whoever starts it does. */
static int
give_secrets(const struct init *in)
{
    if (cli_flag(in->cli, "local"))
        return CLI_DONE;
    int status = give_to_user(in, in->master_key, true);
    if (status == CLI_DONE && !in->plan.meta.is_static)
        status = give_to_user(in, in->secret, true);
    if (status == CLI_DONE)
        status = give_to_user(in, in->whsec, true);
    return status;
}

static int
note_file(struct init *in, enum err e, struct str path, struct buf *problem)
{
    if (e != ERR_OK)
        return cli_fail(in->cli, "%s", buf_text(problem));
    in->made[in->n_made++] = path.p;
    return CLI_DONE;
}

static int
write_files(struct init *in, struct str secret)
{
    struct buf auto_buf problem = {0}, auto_buf id = {0}, auto_buf text = {0};
    buf_init(&problem, LIMIT_URL);
    buf_init(&id, 256);
    buf_init(&text, LIMIT_FRAME);
    init_add_config(&text, &in->plan);
    int status = note_file(in, keyfile_create(in->master_key.p, &id, &problem),
                           in->master_key, &problem);
    if (status == CLI_DONE && !in->plan.meta.is_static)
        status = note_file(
            in, keyfile_write_new(in->secret.p, secret, 0600, &problem),
            in->secret, &problem);
    if (status == CLI_DONE)
        status = note_file(in, keyfile_create_webhook(in->whsec.p, &problem),
                           in->whsec, &problem);
    if (status == CLI_DONE)
        status = note_file(
            in, keyfile_write_new(in->config.p, buf_str(&text), 0640, &problem),
            in->config, &problem);
    if (status == CLI_DONE)
        status = give_to_user(in, in->config, false);
    if (status == CLI_DONE)
        status = give_secrets(in);
    return status;
}

static int
write_all(struct init *in, struct str secret)
{
    int status = make_folder(in, in->folder, 0755);
    if (status == CLI_DONE)
        status = make_folder(in, in->data_dir, 0700);
    if (status == CLI_DONE)
        status = give_to_user(in, in->data_dir, true);
    if (status == CLI_DONE)
        status = write_files(in, secret);
    for (size_t i = 0; status != CLI_DONE && i < in->n_made; i++)
        (void)unlink(in->made[i]); /* the first failure is what is told */
    return status;
}

static void
say_open_values(const struct init *in)
{
    const struct strs *open = &in->plan.meta.open;
    for (size_t i = 0; i < open->n; i++)
        cli_note("Fill in by hand: %.*s comes from a profile of the HubSpot "
                 "project.",
                 STR_ARG(open->v[i]));
    if (str_equal(in->plan.public_url, STR(PLACEHOLDER_URL)))
        cli_note("Fill in by hand: public_url in %.*s; %s stands there until "
                 "then, and in the redirect URL below.",
                 STR_ARG(in->config), PLACEHOLDER_URL);
}

static void
add_urls(struct buf *out, const struct init_plan *plan)
{
    bool has_emulator = plan->api_url.n > 0;
    buf_addf(out, "\n%s:\n  %.*s/oauth/%.*s/callback\n",
             has_emulator
                 ? "The redirect URL, which the emulator takes as it is"
                 : "Add this redirect URL to the app at HubSpot",
             STR_ARG(plan->public_url), STR_ARG(plan->app));
    buf_addf(out, "%s:\n  %.*s/webhooks/%.*s\n",
             has_emulator ? "The webhook URL, for portkeep emulator --webhook"
                          : "And this webhook URL, if the app has webhooks",
             STR_ARG(plan->public_url), STR_ARG(plan->app));
}

static int
say_what_next(struct init *in)
{
    struct buf auto_buf out = {0};
    const struct init_plan *plan = &in->plan;
    bool is_found =
        cli_flag(in->cli, "local") && str_equal(in->folder, STR("."));
    bool is_usual = str_equal(in->folder, STR("/etc/portkeep"));
    const char *where = is_found || is_usual ? "" : " -c ";
    struct str file = where[0] == '\0' ? STR("") : in->config;
    buf_init(&out, LIMIT_URL);
    buf_addf(&out, "Written: %.*s\n", STR_ARG(in->config));
    for (size_t i = 0; i + 1 < in->n_made; i++)
        buf_addf(&out, "         %s (readable by its owner alone)\n",
                 in->made[i]);
    if (!plan->meta.is_static)
        add_urls(&out, plan);
    buf_addf(&out, "\nThen:\n  portkeep serve%s%.*s\n", where, STR_ARG(file));
    buf_addf(&out, "  portkeep keys create backend%s%.*s\n", where,
             STR_ARG(file));
    buf_addf(&out, "  portkeep %s %.*s%s%.*s\n",
             plan->meta.is_static ? "portals add --static" : "connect",
             STR_ARG(plan->app), where, STR_ARG(file));
    return cli_print(in->cli, buf_str(&out));
}

int
do_init(struct cli *cli)
{
    struct init in = {.cli = cli};
    struct buf auto_buf id = {0}, auto_buf secret = {0};
    buf_init(&id, 100);
    buf_init_secret(&secret, LIMIT_SECRET_FILE);
    int status = choose_app(&in);
    if (status != CLI_DONE)
        return status;
    choose_places(&in);
    choose_hubspot(&in);
    status = choose_user(&in);
    if (status == CLI_DONE)
        status = refuse_existing(&in);
    if (status == CLI_DONE)
        status = ask_credentials(&in, &id, &secret);
    if (status == CLI_DONE)
        status = write_all(&in, str_trim(buf_str(&secret)));
    if (status != CLI_DONE)
        return status;
    say_open_values(&in);
    return say_what_next(&in);
}
