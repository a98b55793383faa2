/* SPDX-License-Identifier: Apache-2.0 */
/* Replays files through a fuzz target: each argument is a file, or a directory whose files are
 * taken. A target that finds something aborts; the name of the file that did it is printed before.
 * A directory without files is a failure: it would prove nothing. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static void
refuse(const char *what, const char *path)
{
    fprintf(stderr, "%s '%s'\n", what, path);
    exit(1);
}

static size_t
replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat st;

    if (file == NULL || fstat(fileno(file), &st) < 0)
        refuse("cannot read", path);

    /* Of its own length, so that a sanitizer sees a read beyond the end. */
    size_t n = (size_t) st.st_size;
    uint8_t *bytes = malloc(n > 0 ? n : 1);

    if (bytes == NULL || fread(bytes, 1, n, file) != n)
        refuse("cannot read", path);
    fclose(file);
    printf("%s\n", path);
    fflush(stdout);
    (void) LLVMFuzzerTestOneInput(bytes, n);
    free(bytes);
    return 1;
}

static size_t
replay_directory(const char *path)
{
    DIR *dir = opendir(path);
    size_t count = 0;

    if (dir == NULL)
        refuse("cannot open", path);
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char file[4096];
        int n = snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);

        if (entry->d_name[0] == '.')
            continue;
        if (n < 0 || (size_t) n >= sizeof(file))
            refuse("too long a path in", path);
        count += replay_file(file);
    }
    closedir(dir);
    return count;
}

int
main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool is_directory = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);

        if ((is_directory ? replay_directory(argv[i]) : replay_file(argv[i])) == 0)
            refuse("no file to replay in", argv[i]);
    }
    return argc > 1 ? 0 : 2;
}
