#define _DEFAULT_SOURCE

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Stands in for libFuzzer where it is not linked: gives every file of a
 * corpus to the target, one TAP line for all of them.
 *
 *     fuzz-head test/fuzz/corpus/head
 *
 * The name of each file goes out before it is run, so that the log of a
 * crash ends with the input to blame.  An empty corpus is a failure.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define INPUT_MAX 1048576

static void
run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    /* Its own allocation of the exact size: a read past the end is seen. */
    uint8_t *all = malloc(INPUT_MAX);
    size_t n = all != NULL ? fread(all, 1, INPUT_MAX, f) : 0;
    uint8_t *exact = malloc(n > 0 ? n : 1);
    (void)fclose(f); /* only read */
    if (exact == NULL)
        exit(1);
    if (n > 0)
        memcpy(exact, all, n);
    free(all);
    (void)LLVMFuzzerTestOneInput(exact, n); /* always 0 */
    free(exact);
}

static unsigned
run_folder(const char *folder)
{
    unsigned n = 0;
    DIR *d = opendir(folder);
    if (d == NULL) {
        perror(folder);
        return 0;
    }
    for (struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[4096];
        if (e->d_name[0] == '.')
            continue;
        (void)snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
        printf("# %s\n", e->d_name);
        (void)fflush(stdout);
        run_file(path);
        n++;
    }
    (void)closedir(d);
    return n;
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    printf("1..1\n");
    unsigned n = run_folder(argv[1]);
    printf("%s 1 - stands %u inputs\n", n > 0 ? "ok" : "not ok", n);
    return n > 0 ? 0 : 1;
}
