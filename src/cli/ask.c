#include "cli/ask.h"

#include "base/secret.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

static struct termios terminal_before;

bool
ask_is_terminal(void)
{
    return isatty(STDIN_FILENO) == 1;
}

/* Byte by byte: what follows the line is somebody else's input. */
static enum err
read_line(struct buf *out)
{
    bool is_any = false;
    for (;;) {
        char c;
        ssize_t n = read(STDIN_FILENO, &c, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_SYSTEM;
        if (n == 0 || c == '\n')
            return is_any || n == 1 ? ERR_OK : ERR_CLOSED;
        is_any = true;
        buf_add_char(out, c);
    }
}

static int
take_line(const struct cli *cli, const char *what, struct buf *out)
{
    enum err e = read_line(out);
    if (out->n > 0 && out->p[out->n - 1] == '\r')
        out->n--;
    if (e == ERR_SYSTEM)
        return cli_fail(cli, "cannot read standard input: %s", strerror(errno));
    if (buf_err(out) != ERR_OK)
        return cli_fail(cli, "%s is longer than %zu bytes", what, out->max);
    if (e != ERR_OK || str_trim(buf_str(out)).n == 0)
        return cli_fail(cli, "%s is missing: it is read from standard input",
                        what);
    return CLI_DONE;
}

int
ask_line(const struct cli *cli, const char *prompt, struct buf *out)
{
    if (ask_is_terminal())
        (void)fprintf(stderr, "%s: ", prompt);
    return take_line(cli, prompt, out);
}

/* An interrupt leaves the terminal as it was. */
static void
on_interrupt(int number)
{
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

int
ask_secret(const struct cli *cli, const char *prompt, struct buf *out)
{
    struct sigaction restore = {.sa_handler = on_interrupt}, int_old, term_old;
    struct termios silent;
    if (!ask_is_terminal() || tcgetattr(STDIN_FILENO, &terminal_before) != 0)
        return take_line(cli, prompt, out);
    silent = terminal_before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    (void)sigaction(SIGINT, &restore, &int_old); /* valid numbers */
    (void)sigaction(SIGTERM, &restore, &term_old);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    (void)fprintf(stderr, "%s (not shown): ", prompt);
    int status = take_line(cli, prompt, out);
    (void)fputc('\n', stderr);
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal_before);
    (void)sigaction(SIGINT, &int_old, NULL);
    (void)sigaction(SIGTERM, &term_old, NULL);
    return status;
}

int
ask_confirm(const struct cli *cli, const char *question)
{
    struct buf auto_buf answer = {0};
    if (cli_flag(cli, "yes"))
        return CLI_DONE;
    if (!ask_is_terminal())
        return cli_usage(cli, "%s Say --yes to do it", question);
    (void)fprintf(stderr, "%s [yes/no] ", question);
    buf_init(&answer, 256);
    if (read_line(&answer) == ERR_OK &&
        str_equal_nocase(str_trim(buf_str(&answer)), STR("yes")))
        return CLI_DONE;
    return cli_fail(cli, "nothing was done");
}
