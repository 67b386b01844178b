#ifndef CLI_RUN_H
#define CLI_RUN_H

/*
 * The functions of the verbs, for the table in verbs.c alone.  Each takes
 * the parsed command line and returns an exit status (enum cli_status).
 */
struct cli;

int do_serve(struct cli *cli);
int do_demo(struct cli *cli);
int do_emulator(struct cli *cli);

int do_init(struct cli *cli);
int do_check(struct cli *cli);
int do_urls(struct cli *cli);

int do_status(struct cli *cli);
int do_reload(struct cli *cli);
int do_connect(struct cli *cli);
int do_token(struct cli *cli);
int do_api(struct cli *cli);

int do_portals_list(struct cli *cli);
int do_portals_show(struct cli *cli);
int do_portals_refresh(struct cli *cli);
int do_portals_disconnect(struct cli *cli);
int do_portals_erase(struct cli *cli);
int do_portals_erased(struct cli *cli);
int do_portals_export(struct cli *cli);
int do_portals_import(struct cli *cli);
int do_portals_add(struct cli *cli);

int do_events_list(struct cli *cli);
int do_events_show(struct cli *cli);
int do_events_tail(struct cli *cli);
int do_events_dead(struct cli *cli);
int do_events_replay(struct cli *cli);
int do_events_forward(struct cli *cli);

int do_keys_create(struct cli *cli);
int do_keys_list(struct cli *cli);
int do_keys_revoke(struct cli *cli);

int do_masterkey_list(struct cli *cli);
int do_masterkey_rotate(struct cli *cli);
int do_masterkey_verify(struct cli *cli);
int do_masterkey_retire(struct cli *cli);

int do_scopes_list(struct cli *cli);
int do_scopes_explain(struct cli *cli);
int do_scopes_plan(struct cli *cli);

int do_audit_list(struct cli *cli);
int do_audit_verify(struct cli *cli);

int do_backup(struct cli *cli);
int do_restore(struct cli *cli);

int do_help(struct cli *cli);
int do_version(struct cli *cli);

#endif
