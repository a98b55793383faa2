/* SPDX-License-Identifier: Apache-2.0 */
/* Directory listings.
 *
 * A page says no more than the server would answer for each of its links: hidden names, names with
 * a backslash or a control byte (which no request can hold), devices, and symbolic links that lead
 * out of the root are left out. Names are hostile: they are escaped for HTML where they are read
 * and for URLs where they are followed, and every link begins with "./", so that no name can be
 * taken for a scheme.
 *
 * HTTP threads; no state. Blocks on the disk. It refuses directories whose page would be larger
 * than LISTING_MAX_BYTES. */
#include "listing.h"

#include "fault.h"
#include "fd.h"
#include "files.h"
#include "list.h"
#include "mem.h"
#include "problem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX    20000
#define NAME_MAX_BYTES ((size_t) 64 << 10)

/* --- what is in it --- */

static bool
is_showable(const char *name)
{
    if (name[0] == '.' && strcmp(name, ".well-known") != 0)
        return false;
    for (const char *at = name; *at != '\0'; at++) {
        if ((unsigned char) *at < ' ' || *at == 0x7f || *at == '\\')
            return false;
    }
    return true;
}

/* "name", "name/" of a directory, or NULL: it is not to be seen, or memory ran out. */
static char *
entry_of(int root_fd, const char *directory, const char *name)
{
    struct buf whole = BUF_INIT(NAME_MAX_BYTES);
    scoped(fd_closep) int fd = -1;
    struct stat st;

    buf_printf(&whole, "%s%s", directory, name);
    /* From the root: a link may lead to another of its directories. */
    if (is_showable(name) && buf_is_ok(&whole))
        fd = fd_open_beneath(root_fd, buf_text(&whole), O_PATH, 0);
    buf_done(&whole);
    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    if (S_ISDIR(st.st_mode))
        return str_printf("%s/", name);
    return S_ISREG(st.st_mode) ? str_dup(name) : NULL;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *) a, *(char *const *) b);
}

static enum mh_code
read_entries(int root_fd, const char *directory, DIR *dir, struct list *entries,
             struct mh_fault *fault)
{
    const struct dirent *found;

    while ((found = readdir(dir)) != NULL) {
        char *entry = entry_of(root_fd, directory, found->d_name);

        if (entry != NULL && !list_add(entries, entry)) {
            mem_free(entry);
            return fail(fault, MH_TOO_LARGE, 0, "the directory '%s' holds too much to be listed",
                        directory);
        }
    }
    if (entries->count > 0)
        qsort(entries->items, entries->count, sizeof(entries->items[0]), by_name);
    return MH_OK;
}

/* --- the page --- */

static void
add_link(struct buf *page, const char *entry)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

    buf_add_str(page, "<li><a href=\"./");
    for (const char *at = entry; *at != '\0'; at++) {
        if (strchr(plain, *at) != NULL)
            buf_add_char(page, *at);
        else
            buf_printf(page, "%%%02X", (unsigned) (unsigned char) *at);
    }
    buf_add_str(page, "\">");
    html_escape(page, entry);
    buf_add_str(page, "</a></li>\n");
}

static void
write_page(const char *directory, const struct list *entries, struct buf *page)
{
    buf_add_str(page, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>/");
    html_escape(page, directory);
    buf_add_str(page, "</title>\n<style>:root{color-scheme:light dark}body{font:16px/1.6 "
                      "system-ui,sans-serif;max-width:50em;margin:2em auto;padding:0 1em}"
                      "ul{list-style:none;padding:0}</style>\n<h1>/");
    html_escape(page, directory);
    buf_add_str(page, "</h1>\n<ul>\n");
    if (directory[0] != '\0')
        buf_add_str(page, "<li><a href=\"../\">../</a></li>\n");
    for (size_t i = 0; i < entries->count; i++)
        add_link(page, entries->items[i]);
    buf_add_str(page, "</ul>\n</html>\n");
}

static enum mh_code
list_directory(int root_fd, const char *directory, struct buf *page, struct mh_fault *fault)
{
    const int fd =
        fd_open_beneath(root_fd, directory[0] != '\0' ? directory : ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct list entries = LIST_INIT(ENTRIES_MAX);
    enum mh_code code;

    if (dir == NULL) {
        const int error = errno;

        fd_close(fd);
        if (error == EACCES || error == EMFILE || error == ENFILE || error == ENOMEM)
            return fail_errno(fault, error, "the directory '%s' cannot be listed", directory);
        return MH_NOT_FOUND;
    }
    code = read_entries(root_fd, directory, dir, &entries, fault);
    (void) closedir(dir); /* it was only read */
    if (code == MH_OK)
        write_page(directory, &entries, page);
    list_done(&entries, mem_free);
    if (code == MH_OK && !buf_is_ok(page))
        return fail(fault, MH_TOO_LARGE, 0, "the directory '%s' holds too much to be listed",
                    directory);
    return code;
}

enum mh_code
listing_write(int root_fd, const char *path, struct buf *page, struct mh_fault *fault)
{
    struct buf name = BUF_INIT(NAME_MAX_BYTES);
    enum mh_code code = MH_NOT_FOUND;

    /* Without its slash a directory is redirected to before it comes here. */
    if (path[strlen(path) - 1] == '/' && files_name(path, &name)) {
        code = buf_is_ok(&name) ? list_directory(root_fd, buf_text(&name), page, fault)
                                : fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    buf_done(&name);
    return code;
}
