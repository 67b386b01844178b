#include "cli/demo_int.h"

#include "base/limits.h"
#include "base/text.h"
#include "cli/keyfile.h"

#include <stdio.h>

/* What stays up to be tried by hand: a page, and lines for a shell. */

/* As an app's own site would have it: a button with a connect link. */
static bool
write_page(struct str link, struct str path)
{
    struct buf auto_buf page = {0}, auto_buf problem = {0};
    buf_init(&page, LIMIT_FRAME);
    buf_init(&problem, LIMIT_URL);
    buf_add_text(&page,
                 "<!doctype html>\n<html lang=\"en\">\n<meta "
                 "charset=\"utf-8\">\n<title>CRM Sync</title>\n"
                 "<body style=\"font-family: sans-serif; max-width: 30em; "
                 "margin: 4em auto\">\n<h1>CRM Sync</h1>\n<p>Connect a "
                 "HubSpot account, and CRM Sync keeps your contacts in "
                 "step.</p>\n<p><a href=\"");
    text_add_html(&page, link);
    buf_add_text(&page,
                 "\" style=\"display: inline-block; padding: .7em 1.2em; "
                 "background: #b3401c; color: #fff; border-radius: .3em; "
                 "text-decoration: none\">Connect with HubSpot</a></p>\n"
                 "</html>\n");
    return keyfile_write_new(path.p, buf_str(&page), 0644, &problem) == ERR_OK;
}

static void
print_curl(struct demo *d, const char *path)
{
    (void)printf("  curl -s -H 'Authorization: %.*s' '%.*s%s'\n",
                 STR_ARG(buf_str(&d->authorization)), STR_ARG(d->private_url),
                 path);
}

void
demo_invite(struct demo *d)
{
    json_t *answer;
    struct admin_connect ask = {.app = STR(DEMO_APP), .ref = STR("by-hand")};
    struct str page = demo_path(d, "connect.html");
    struct str self = setup_sibling(d->cli, "portkeep");
    if (admin_call(d->admin, ADMIN_CONNECT, &ask, &answer) != CLI_DONE)
        return;
    struct str link = arena_copy(d->arena, answer_text(answer, "url"));
    json_decref(answer);
    demo_heading(d, "Try it by hand");
    if (write_page(link, page))
        (void)printf("\nA page with \"Connect with HubSpot\", for a browser "
                     "(choose account %d):\n  file://%.*s\nor its link "
                     "alone:\n  %.*s\n",
                     DEMO_SHORT_PORTAL, STR_ARG(page), STR_ARG(link));
    (void)printf("\nWhat HubSpot shows to its users, with Uninstall:\n"
                 "  %.*s/apps\n\nThe backend's calls:\n",
                 STR_ARG(d->emulator_url));
    print_curl(d, "/hubspot/" DEMO_APP "/1001/crm/v3/objects/contacts?limit=2");
    print_curl(d, "/v1/apps/" DEMO_APP "/portals");
    print_curl(d, "/v1/apps/" DEMO_APP "/portals/1001/token");
    print_curl(d, "/v1/apps/" DEMO_APP "/events?portal=1001&limit=5");
    (void)printf("\nHubSpot reports a change; what the backend gets is printed "
                 "here:\n  curl -s '%.*s/_emulator/emit' -d '{\"portal\":1001,"
                 "\"type\":\"contact.propertyChange\"}'\n",
                 STR_ARG(d->emulator_url));
    (void)printf("\nThe operator's verbs:\n"
                 "  %.*s status -c %s/portkeep.conf\n"
                 "  %.*s portals -c %s/portkeep.conf\n"
                 "  %.*s events list -c %s/portkeep.conf\n\n"
                 "Ctrl-C ends the demo and takes its folder away.\n",
                 STR_ARG(self), d->folder, STR_ARG(self), d->folder,
                 STR_ARG(self), d->folder);
    (void)fflush(stdout); /* main sees errors */
    demo_backend_print(d);
    while (!demo_is_interrupted() && demo_is_alive(d))
        web_pause(&d->web, 200);
}
