/* SPDX-License-Identifier: Apache-2.0 */
/* The server's certificate and key, and who is shown them.
 *
 * They are read and matched before any daemon starts, since libmicrohttpd tells only that a start
 * failed, and not which of the two files is at fault. TLS itself is libmicrohttpd's, but for the
 * choice of the certificate: every handshake asks for the one that is presented at that moment, so
 * that a renewed one takes its place without a connection being cut. GnuTLS borrows what it is
 * given for as long as the session lives, and nobody tells when the last one has ended: replaced
 * identities are kept until no daemon is left. They are a few KiB each, and change every few weeks.
 *
 * The order of ciphers is for speed: GnuTLS would begin with AES-256, which costs some 8 % more
 * than AES-128 and protects nobody more here. ChaCha20 comes last, as it costs a multiple where the
 * processor knows AES; clients without AES instructions still get it when they offer nothing else.
 *
 * Main thread, at start and at a reload; on_handshake() on HTTP threads. */
#include "tls.h"

#include "fault.h"
#include "fd.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define PEM_MAX      ((size_t) 1 << 20)
#define CHAIN_MAX    16
#define SHA256_BYTES 32

struct tls_identity {
    gnutls_pcert_st chain[CHAIN_MAX]; /* the server's own first */
    unsigned count;
    gnutls_privkey_t key;
    struct tls_identity *previous; /* owned */
};

/* What handshakes get. The main thread writes it, HTTP threads read it. */
static struct tls_identity *_Atomic presented;

const char tls_priorities[] =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:"
    "+CHACHA20-POLY1305:%SERVER_PRECEDENCE";

/* --- the texts --- */

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

enum mh_code
tls_pem_read(const char *certificate, const char *key, struct tls_pem *ret, struct mh_fault *fault)
{
    struct tls_pem pem = {0};
    enum mh_code code = read_pem(certificate, &pem.certificate, fault);

    if (code == MH_OK)
        code = read_pem(key, &pem.key, fault);
    if (code == MH_OK)
        *ret = pem;
    else
        tls_pem_done(&pem);
    return code;
}

void
tls_pem_done(struct tls_pem *pem)
{
    if (pem->key != NULL)
        explicit_bzero(pem->key, strlen(pem->key));
    mem_free(pem->certificate);
    mem_free(pem->key);
    *pem = (struct tls_pem){0};
}

/* --- an identity --- */

/* Lengths of texts below PEM_MAX. */
static gnutls_datum_t
datum(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *) text, .size = (unsigned) strlen(text)};
}

/* GnuTLS compares a key with its certificate only where it takes both. */
static int
match(const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t credentials;
    int error = gnutls_certificate_allocate_credentials(&credentials);

    if (error < 0)
        return error;
    error = gnutls_certificate_set_x509_key_mem(credentials, certificate, key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(credentials);
    return error;
}

static int
import(const gnutls_datum_t *certificate, const gnutls_datum_t *key, struct tls_identity *identity)
{
    unsigned count = CHAIN_MAX;
    int error = gnutls_privkey_init(&identity->key);

    if (error < 0)
        return error;
    error = gnutls_privkey_import_x509_raw(identity->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (error < 0)
        return error;
    error = gnutls_pcert_list_import_x509_raw(identity->chain, &count, certificate,
                                              GNUTLS_X509_FMT_PEM, 0);
    if (error == GNUTLS_E_SUCCESS)
        identity->count = count;
    return error;
}

enum mh_code
tls_identity_new(const struct tls_pem *pem, const char *certificate_name, const char *key_name,
                 struct tls_identity **ret, struct mh_fault *fault)
{
    const gnutls_datum_t certificate = datum(pem->certificate);
    const gnutls_datum_t key = datum(pem->key);
    struct tls_identity *identity = mem_new(struct tls_identity);
    int error;

    if (identity == NULL)
        return fail(fault, MH_NOMEM, 0, "memory ran out");
    error = match(&certificate, &key);
    if (error >= 0)
        error = import(&certificate, &key, identity);
    if (error >= 0) {
        *ret = identity;
        return MH_OK;
    }
    tls_identity_free(identity);
    if (error == GNUTLS_E_MEMORY_ERROR)
        return fail(fault, MH_NOMEM, error, "memory ran out");
    return fail(fault, MH_BAD_INPUT, error,
                "the certificate '%s' and the key '%s' cannot be used: %s; both must be PEM "
                "files, the key without a password and the certificate's own",
                certificate_name, key_name, gnutls_strerror(error));
}

void
tls_identity_free(struct tls_identity *identity)
{
    while (identity != NULL) {
        struct tls_identity *previous = identity->previous;

        for (unsigned i = 0; i < identity->count; i++)
            gnutls_pcert_deinit(&identity->chain[i]);
        if (identity->key != NULL)
            gnutls_privkey_deinit(identity->key);
        mem_free(identity);
        identity = previous;
    }
}

bool
tls_identity_is_same(const struct tls_identity *a, const struct tls_identity *b)
{
    if (a == NULL || b == NULL || a->count != b->count)
        return false;
    for (unsigned i = 0; i < a->count; i++) {
        const gnutls_datum_t *one = &a->chain[i].cert, *other = &b->chain[i].cert;

        if (one->size != other->size || memcmp(one->data, other->data, one->size) != 0)
            return false;
    }
    return true;
}

const char *
tls_identity_fingerprint(const struct tls_identity *identity, char ret[TLS_FINGERPRINT_SIZE])
{
    unsigned char digest[SHA256_BYTES];
    size_t n = sizeof(digest);

    ret[0] = '\0';
    if (gnutls_fingerprint(GNUTLS_DIG_SHA256, &identity->chain[0].cert, digest, &n) < 0)
        return ret;
    for (size_t i = 0; i < n; i++)
        (void) snprintf(ret + 3 * i, TLS_FINGERPRINT_SIZE - 3 * i, i + 1 < n ? "%02X:" : "%02X",
                        digest[i]); /* fits */
    return ret;
}

/* --- handshakes --- */

static int
on_handshake(gnutls_session_t session, const gnutls_datum_t *authorities, int authority_count,
             const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **chain,
             unsigned *count, gnutls_privkey_t *key)
{
    struct tls_identity *identity = atomic_load_explicit(&presented, memory_order_acquire);

    (void) session;
    (void) authorities;
    (void) authority_count;
    (void) algorithms;
    (void) algorithm_count;
    if (identity == NULL)
        return -1;
    *chain = identity->chain;
    *count = identity->count;
    *key = identity->key;
    return 0;
}

void
tls_present(struct tls_identity *identity, struct tls_identity *previous)
{
    if (identity != NULL)
        identity->previous = previous;
    atomic_store_explicit(&presented, identity, memory_order_release);
}

/* ISO C has no conversion from a function to an object pointer; POSIX wants it to work. */
void *
tls_callback(void)
{
    gnutls_certificate_retrieve_function2 *function = on_handshake;
    void *ret;

    _Static_assert(sizeof(ret) == sizeof(function), "POSIX: dlsym()");
    memcpy(&ret, &function, sizeof(ret));
    return ret;
}
