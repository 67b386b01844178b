#define _GNU_SOURCE
#include "parent/config_int.h"

#include "base/limits.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Lines:  [server]             a section
 *         key = value ; note   an entry; a note is a ; or # at the line's
 *                              start or after white space
 *             more of value    indented: the entry above goes on
 *                              nothing: the entry above has ended
 */
#define FILE_MAX                                                \
    1048576 /* 100 apps with all their scopes are a fifth of it \
             */

struct reader {
    struct arena *arena;
    struct config_problems *problems;
    struct config_section *first, **last;
    struct config_section *section; /* NULL before the first */
    struct config_entry *open;      /* what an indented line continues */
    unsigned line;
};

static void
add(struct config_problems *p, unsigned line, bool is_warning,
    const char *format, va_list args)
{
    char text[1024];
    int n = vsnprintf(text, sizeof(text), format, args);
    if (p->v == NULL)
        p->v = arena_alloc(p->arena, CONFIG_PROBLEMS_MAX * sizeof(*p->v));
    if (!is_warning)
        p->n_errors++;
    if (n < 0 || p->n == CONFIG_PROBLEMS_MAX)
        return;
    size_t length = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    p->v[p->n++] = (struct config_problem){
        .line = line,
        .is_warning = is_warning,
        .text = arena_copy(p->arena, str_of(text, length))};
}

void
problem_add(struct config_problems *problems, unsigned line, const char *format,
            ...)
{
    va_list args;
    va_start(args, format);
    add(problems, line, false, format, args);
    va_end(args);
}

void
problem_warn(struct config_problems *problems, unsigned line,
             const char *format, ...)
{
    va_list args;
    va_start(args, format);
    add(problems, line, true, format, args);
    va_end(args);
}

static bool
is_name(struct str s)
{
    if (s.n == 0 || s.n > LIMIT_APP || s.p[0] == '-' || s.p[0] == '_')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' &&
            c != '_')
            return false;
    }
    return true;
}

/* What stands before a ; or # that begins a note. */
static struct str
without_note(struct str line)
{
    for (size_t i = 0; i < line.n; i++)
        if ((line.p[i] == ';' || line.p[i] == '#') &&
            (i == 0 || line.p[i - 1] == ' '))
            return str_of(line.p, i);
    return line;
}

static struct config_section *
find_section(const struct reader *r, struct str kind, struct str name)
{
    for (struct config_section *s = r->first; s != NULL; s = s->next)
        if (str_equal(s->kind, kind) && str_equal(s->name, name))
            return s;
    return NULL;
}

/* Says what is wrong with [kind name]; false if nothing is. */
static bool
complain_of_section(const struct reader *r, struct str kind, struct str name)
{
    struct config_problems *p = r->problems;
    bool is_app = str_equal(kind, STR("app"));
    const struct config_section *twin = find_section(r, kind, name);
    struct str hint = config_section_hint(r->arena, kind);
    if (hint.p != NULL)
        problem_add(p, r->line, "there is no section [%.*s]%.*s", STR_ARG(kind),
                    STR_ARG(hint));
    else if (is_app && !is_name(name))
        problem_add(p, r->line,
                    "[app NAME] wants a name of small letters, digits, - and "
                    "_, at most %d of them",
                    LIMIT_APP);
    else if (!is_app && name.n > 0)
        problem_add(p, r->line, "[%.*s] has no name behind it", STR_ARG(kind));
    else if (twin != NULL)
        problem_add(p, r->line,
                    "section [%.*s%s%.*s] stands here a second time, first in "
                    "line %u",
                    STR_ARG(kind), is_app ? " " : "", STR_ARG(name),
                    twin->line);
    else
        return false;
    return true;
}

static void
take_section(struct reader *r, struct str line)
{
    struct config_section *s = arena_alloc(r->arena, sizeof(*s));
    s->last = &s->first;
    s->line = r->line;
    r->section = s; /* linked in only if it is good */
    r->open = NULL;
    if (line.n < 2 || line.p[line.n - 1] != ']') {
        problem_add(r->problems, r->line,
                    "a section ends with ]: [server], [app NAME]");
        return;
    }
    struct str name = str_trim(str_of(line.p + 1, line.n - 2)), kind;
    if (!str_cut(&name, ' ', &kind))
        kind = STR_NONE;
    name = str_trim(name);
    if (complain_of_section(r, kind, name))
        return;
    s->kind = arena_copy(r->arena, kind);
    s->name = arena_copy(r->arena, name);
    *r->last = s;
    r->last = &s->next;
}

static void
continue_entry(struct reader *r, struct str text)
{
    struct str value = text, key;
    (void)str_cut(&value, '=', &key); /* text is not empty */
    if (r->open == NULL) {
        problem_add(r->problems, r->line,
                    "an indented line continues the key above it, and there "
                    "is none: begin keys at the start of the line");
        return;
    }
    if (value.p != NULL && config_key_find(r->section->kind, str_trim(key))) {
        problem_add(r->problems, r->line,
                    "\"%.*s\" is indented, so it would continue \"%.*s\" "
                    "above it: begin keys at the start of the line",
                    STR_ARG(str_trim(key)), STR_ARG(r->open->key));
        return;
    }
    struct str whole = r->open->value;
    if (whole.n + text.n > CONFIG_VALUE_MAX) {
        problem_add(r->problems, r->line, "the value is over %d bytes",
                    CONFIG_VALUE_MAX);
        return;
    }
    r->open->value = arena_printf(r->arena, "%.*s%s%.*s", STR_ARG(whole),
                                  whole.n > 0 ? " " : "", STR_ARG(text));
}

static const struct config_entry *
find_entry(const struct config_section *s, struct str key)
{
    for (const struct config_entry *e = s->first; e != NULL; e = e->next)
        if (str_equal(e->key, key))
            return e;
    return NULL;
}

static void
take_entry(struct reader *r, struct str line)
{
    struct str value = line, key;
    r->open = NULL;
    (void)str_cut(&value, '=', &key); /* line is not empty */
    key = str_trim(key);
    if (value.p == NULL || key.n == 0) {
        problem_add(r->problems, r->line,
                    "this is neither \"key = value\" nor a [section]: %s",
                    log_quote(line));
        return;
    }
    if (r->section == NULL) {
        problem_add(r->problems, r->line,
                    "\"%.*s\" stands before the first [section]", STR_ARG(key));
        return;
    }
    const struct config_entry *twin = find_entry(r->section, key);
    if (twin != NULL)
        problem_add(r->problems, r->line,
                    "\"%.*s\" is set a second time, first in line %u",
                    STR_ARG(key), twin->line);
    struct config_entry *e = arena_alloc(r->arena, sizeof(*e));
    e->key = arena_copy(r->arena, key);
    e->value = arena_copy(r->arena, str_trim(value));
    e->line = r->line;
    r->open = e;
    if (twin == NULL) {
        *r->section->last = e;
        r->section->last = &e->next;
    }
}

static void
take_line(struct reader *r, struct str raw)
{
    struct str copy = arena_copy(r->arena, raw);
    char *p = (char *)(uintptr_t)copy.p; /* ours: just copied */
    for (size_t i = 0; i < copy.n; i++)
        if (p[i] == '\t' || (p[i] == '\r' && i + 1 == copy.n))
            p[i] = ' ';
    if (!text_is_clean(copy)) {
        problem_add(r->problems, r->line,
                    "this line has control characters or is not UTF-8");
        return;
    }
    struct str text = str_trim(without_note(copy));
    if (text.n == 0) {
        if (str_trim(copy).n == 0)
            r->open = NULL;
    } else if (copy.p[0] == ' ') {
        continue_entry(r, text);
    } else if (text.p[0] == '[') {
        take_section(r, text);
    } else {
        take_entry(r, text);
    }
}

/* The whole file; a problem says why it cannot be had. */
static enum err
read_file(const char *path, struct buf *out, struct config_problems *problems)
{
    struct stat about;
    ssize_t got = 1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        problem_add(problems, 0, "cannot be opened: %s%s", strerror(errno),
                    errno == ENOENT ? ": name another with -c, or make one "
                                      "with `portkeep init`"
                                    : "");
        return ERR_CONFIG;
    }
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode))
        got = -1;
    while (got > 0) {
        char *p;
        if (buf_reserve(out, 4096, &p) != ERR_OK)
            break;
        got = read(fd, p, 4096);
        if (got > 0)
            buf_commit(out, (size_t)got);
    }
    (void)close(fd); /* only read */
    if (got == 0)
        return ERR_OK;
    problem_add(problems, 0,
                got < 0 ? "is not a regular file that can be read"
                        : "is over %d bytes",
                FILE_MAX);
    return ERR_CONFIG;
}

enum err
config_text_read(struct arena *arena, const char *path,
                 struct config_section **out_first,
                 struct config_problems *problems)
{
    struct reader r = {.arena = arena, .problems = problems};
    struct buf auto_buf file = {0};
    struct str rest, line;
    buf_init(&file, FILE_MAX);
    enum err e = read_file(path, &file, problems);
    if (e != ERR_OK)
        return e;
    r.last = &r.first;
    rest = buf_str(&file);
    while (str_cut(&rest, '\n', &line)) {
        r.line++;
        if (line.n > LIMIT_CONFIG_LINE)
            problem_add(problems, r.line,
                        "this line is over %d bytes: go on in indented lines",
                        LIMIT_CONFIG_LINE);
        else
            take_line(&r, line);
    }
    *out_first = r.first;
    return ERR_OK;
}
