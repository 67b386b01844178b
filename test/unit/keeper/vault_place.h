#ifndef TEST_VAULT_PLACE_H
#define TEST_VAULT_PLACE_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "keeper/vault.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Master key files without a name, and a slab that every test leaves as it
 * found it.
 *
 *     struct vault *v = vault_with("a " KEY_A "\n");
 */
#define CELLS 200
#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="

/* A master key file with that text, as a descriptor; it has no name. */
static inline int
file_with(const char *text, mode_t mode)
{
    char path[] = "/tmp/vault-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    return fd;
}

static inline struct vault *
vault_with(const char *text)
{
    struct vault *v = NULL;
    struct buf auto_buf problem;
    buf_init(&problem, 1000);
    int fd = file_with(text, 0600);
    if (vault_open(fd, &v, &problem) != ERR_OK)
        fail_msg("%s", buf_text(&problem));
    assert_int_equal(close(fd), 0);
    return v;
}

static inline int
open_slab(void **state)
{
    (void)state;
    return slab_open(CELLS) == ERR_OK ? 0 : -1;
}

/* Every test gives back each cell that it took. */
static inline int
check_slab(void **state)
{
    (void)state;
    return slab_room() == CELLS ? 0 : -1;
}

#endif
