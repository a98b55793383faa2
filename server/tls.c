/* SPDX-License-Identifier: Apache-2.0 */
/* The server's certificate and key, from files.
 *
 * They are read and matched before any daemon starts, since libmicrohttpd tells only that a start
 * failed, and not which of the two files is at fault. TLS itself is libmicrohttpd's.
 *
 * The order of ciphers is for speed: GnuTLS would begin with AES-256, which costs some 8 % more
 * than AES-128 and protects nobody more here. ChaCha20 comes last, as it costs a multiple where the
 * processor knows AES; clients without AES instructions still get it when they offer nothing else.
 *
 * Main thread, at start. */
#include "tls.h"

#include "fault.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define PEM_MAX ((size_t) 1 << 20)

const char tls_priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:"
    "+CHACHA20-POLY1305:%SERVER_PRECEDENCE";

static enum mh_code
read_pem(const char *path, char **ret, struct mh_fault *fault)
{
    scoped(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    scoped(mem_freep) char *text = mem_calloc(PEM_MAX + 1, 1);
    ssize_t n;

    if (fd < 0)
        return fail_errno(fault, errno, "cannot open '%s'", path);
    if (text == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    n = fd_pread_full(fd, text, PEM_MAX + 1, 0);
    if (n < 0)
        return fail_errno(fault, errno, "cannot read '%s'", path);
    if ((size_t) n > PEM_MAX)
        return fail(fault, MH_TOO_LARGE, 0, "'%s' is larger than 1 MiB, and so no PEM file", path);
    *ret = str_dup_n(text, (size_t) n);
    explicit_bzero(text, (size_t) n);
    return *ret != NULL ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out");
}

/* Lengths of files below PEM_MAX. */
static gnutls_datum_t
datum(char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *) text, .size = (unsigned) strlen(text)};
}

static enum mh_code
match(const struct tls *tls, const char *certificate, const char *key, struct mh_fault *fault)
{
    const gnutls_datum_t certificate_pem = datum(tls->certificate);
    const gnutls_datum_t key_pem = datum(tls->key);
    gnutls_certificate_credentials_t credentials;
    int error = gnutls_certificate_allocate_credentials(&credentials);

    if (error < 0)
        return fail(fault, MH_NOMEM, error, "cannot prepare TLS: %s", gnutls_strerror(error));
    error = gnutls_certificate_set_x509_key_mem(credentials, &certificate_pem, &key_pem,
                                                GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(credentials);
    if (error < 0)
        return fail(fault, MH_BAD_INPUT, error,
                    "the certificate '%s' and the key '%s' cannot be used: %s; both must be PEM "
                    "files, the key without a password and the certificate's own",
                    certificate, key, gnutls_strerror(error));
    return MH_OK;
}

enum mh_code
tls_load(const char *certificate, const char *key, struct tls *ret, struct mh_fault *fault)
{
    struct tls tls = {0};
    enum mh_code code = read_pem(certificate, &tls.certificate, fault);

    if (code == MH_OK)
        code = read_pem(key, &tls.key, fault);
    if (code == MH_OK)
        code = match(&tls, certificate, key, fault);
    if (code == MH_OK)
        *ret = tls;
    else
        tls_done(&tls);
    return code;
}

void
tls_done(struct tls *tls)
{
    if (tls->key != NULL)
        explicit_bzero(tls->key, strlen(tls->key));
    mem_free(tls->certificate);
    mem_free(tls->key);
    *tls = (struct tls){0};
}
