/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate of the server's own, for pages that want HTTPS before anybody has a certificate for
 * them: a camera on a phone, above all.
 *
 * It names what this machine is called and where it is reached, and is signed by its own key; it is
 * no authority, so that whoever trusts it trusts this server and nothing else. Key and certificate
 * are kept, since a browser's exception is for one certificate: a new one is made only when it must
 * be. A name or address that this machine has no more does not make a new one necessary.
 *
 * The key is written before the certificate, each as a whole: a crash between the two leaves a pair
 * that does not match, which is found and made anew. Main thread, at start and at a reload. */
#include "self_signed.h"

#include "fault.h"
#include "fd.h"
#include "log.h"
#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <string.h>

#define FILE_MAX     ((size_t) 64 << 10)
#define DAY_S        86400
#define CLOCK_SKEW_S 3600 /* a phone's clock may be behind */
#define SERIAL_BYTES 16
#define KEY_ID_BYTES 20

static enum mh_code
fail_tls(struct mh_fault *fault, int error, const char *what)
{
    if (error == GNUTLS_E_MEMORY_ERROR)
        return fail(fault, MH_NOMEM, error, "memory ran out");
    return fail(fault, MH_UNSUPPORTED, error, "cannot %s: %s", what, gnutls_strerror(error));
}

/* --- what there is --- */

/* What is kept, as far as it can be read. Either may be NULL. */
struct kept {
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t certificate;
};

static void
kept_done(struct kept *kept)
{
    if (kept->key != NULL)
        gnutls_x509_privkey_deinit(kept->key);
    if (kept->certificate != NULL)
        gnutls_x509_crt_deinit(kept->certificate);
}

/* The text of one file, NULL where there is none. */
static enum mh_code
read_text(int dir_fd, const char *name, char **ret, struct mh_fault *fault)
{
    size_t n = 0;
    enum mh_code code = fd_read_file(dir_fd, name, FILE_MAX, ret, &n, fault);

    /* Whatever lies there that is none of ours is replaced. */
    return code == MH_NOT_FOUND || code == MH_TOO_LARGE ? MH_OK : code;
}

static gnutls_datum_t
datum(const char *text)
{
    return (gnutls_datum_t){.data = (unsigned char *) text, .size = (unsigned) strlen(text)};
}

static void
import_key(const char *text, struct kept *kept)
{
    const gnutls_datum_t pem = datum(text);

    if (gnutls_x509_privkey_init(&kept->key) < 0)
        return;
    if (gnutls_x509_privkey_import(kept->key, &pem, GNUTLS_X509_FMT_PEM) >= 0)
        return;
    gnutls_x509_privkey_deinit(kept->key);
    kept->key = NULL;
}

static void
import_certificate(const char *text, struct kept *kept)
{
    const gnutls_datum_t pem = datum(text);

    if (gnutls_x509_crt_init(&kept->certificate) < 0)
        return;
    if (gnutls_x509_crt_import(kept->certificate, &pem, GNUTLS_X509_FMT_PEM) >= 0)
        return;
    gnutls_x509_crt_deinit(kept->certificate);
    kept->certificate = NULL;
}

static bool
belong_together(const struct kept *kept)
{
    unsigned char of_key[KEY_ID_BYTES], of_certificate[KEY_ID_BYTES];
    size_t key_n = sizeof(of_key), certificate_n = sizeof(of_certificate);

    return gnutls_x509_privkey_get_key_id(kept->key, GNUTLS_KEYID_USE_SHA1, of_key, &key_n) >= 0 &&
           gnutls_x509_crt_get_key_id(kept->certificate, GNUTLS_KEYID_USE_SHA1, of_certificate,
                                      &certificate_n) >= 0 &&
           key_n == certificate_n && memcmp(of_key, of_certificate, key_n) == 0;
}

/* Why a new certificate is needed, in words for people; NULL: the kept one will do. `fault` only
 * lends its room. */
static const char *
why_not(const struct kept *kept, const struct strings *names, int64_t now, struct mh_fault *fault)
{
    time_t end;

    if (kept->key == NULL || !belong_together(kept))
        return "its key cannot be used";
    end = gnutls_x509_crt_get_expiration_time(kept->certificate);
    if (end == (time_t) -1 || (int64_t) end - now < (int64_t) SELF_SIGNED_RENEW_DAYS * DAY_S)
        return "the old one is over, or soon will be";
    if ((int64_t) gnutls_x509_crt_get_activation_time(kept->certificate) > now)
        return "the old one is of a time to come";
    for (size_t i = 0; i < names->count; i++) {
        if (gnutls_x509_crt_check_hostname(kept->certificate, names->items[i]) != 0)
            continue;
        (void) fail(fault, MH_OK, 0, "'%s' was not in the old one", names->items[i]);
        return fault->sentence;
    }
    return NULL;
}

/* --- making --- */

static int
add_name(gnutls_x509_crt_t certificate, const char *name)
{
    unsigned char address[sizeof(struct in6_addr)];

    if (inet_pton(AF_INET, name, address) == 1)
        return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address,
                                                    sizeof(struct in_addr), GNUTLS_FSAN_APPEND);
    if (inet_pton(AF_INET6, name, address) == 1)
        return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_IPADDRESS, address,
                                                    sizeof(struct in6_addr), GNUTLS_FSAN_APPEND);
    return gnutls_x509_crt_set_subject_alt_name(certificate, GNUTLS_SAN_DNSNAME, name,
                                                (unsigned) strlen(name), GNUTLS_FSAN_APPEND);
}

static int
add_names(gnutls_x509_crt_t certificate, const struct strings *names)
{
    static const char common_name[] = "modelhost (self-signed)";
    int error = gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0,
                                              common_name, sizeof(common_name) - 1);

    for (size_t i = 0; error >= 0 && i < names->count; i++)
        error = add_name(certificate, names->items[i]);
    return error;
}

static int
add_serial(gnutls_x509_crt_t certificate)
{
    unsigned char serial[SERIAL_BYTES];
    int error = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof(serial));

    serial[0] = (unsigned char) ((serial[0] & 0x7f) | 0x40); /* positive, and of full length */
    return error < 0 ? error : gnutls_x509_crt_set_serial(certificate, serial, sizeof(serial));
}

static int
add_times(gnutls_x509_crt_t certificate, int64_t now)
{
    const int64_t end = now + (int64_t) SELF_SIGNED_VALID_DAYS * DAY_S;
    int error = gnutls_x509_crt_set_activation_time(certificate, (time_t) (now - CLOCK_SKEW_S));

    return error < 0 ? error : gnutls_x509_crt_set_expiration_time(certificate, (time_t) end);
}

/* For a server and nothing else (RFC 5280 §4.2.1). */
static int
add_uses(gnutls_x509_crt_t certificate)
{
    unsigned char id[KEY_ID_BYTES];
    size_t n = sizeof(id);
    int error = gnutls_x509_crt_set_basic_constraints(certificate, 0, -1);

    if (error >= 0)
        error = gnutls_x509_crt_set_key_usage(certificate, GNUTLS_KEY_DIGITAL_SIGNATURE);
    if (error >= 0)
        error = gnutls_x509_crt_set_key_purpose_oid(certificate, GNUTLS_KP_TLS_WWW_SERVER, 0);
    if (error >= 0)
        error = gnutls_x509_crt_get_key_id(certificate, GNUTLS_KEYID_USE_SHA1, id, &n);
    return error < 0 ? error : gnutls_x509_crt_set_subject_key_id(certificate, id, n);
}

static int
fill(gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key, const struct strings *names,
     int64_t now)
{
    int error = gnutls_x509_crt_set_version(certificate, 3);

    if (error >= 0)
        error = gnutls_x509_crt_set_key(certificate, key);
    if (error >= 0)
        error = add_serial(certificate);
    if (error >= 0)
        error = add_times(certificate, now);
    if (error >= 0)
        error = add_names(certificate, names);
    if (error >= 0)
        error = add_uses(certificate);
    return error < 0 ? error
                     : gnutls_x509_crt_sign2(certificate, certificate, key, GNUTLS_DIG_SHA256, 0);
}

static enum mh_code
make_certificate(const struct strings *names, int64_t now, struct kept *kept,
                 struct mh_fault *fault)
{
    int error;

    if (kept->certificate != NULL)
        gnutls_x509_crt_deinit(kept->certificate);
    kept->certificate = NULL;
    error = gnutls_x509_crt_init(&kept->certificate);
    if (error >= 0)
        error = fill(kept->certificate, kept->key, names, now);
    return error >= 0 ? MH_OK : fail_tls(fault, error, "make a certificate");
}

static enum mh_code
make_key(struct kept *kept, struct mh_fault *fault)
{
    int error = gnutls_x509_privkey_init(&kept->key);

    if (error >= 0)
        error = gnutls_x509_privkey_generate(kept->key, GNUTLS_PK_ECDSA,
                                             GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    return error >= 0 ? MH_OK : fail_tls(fault, error, "make a key");
}

/* --- writing --- */

/* Takes what GnuTLS has written. */
static enum mh_code
keep_text(int dir_fd, const char *name, gnutls_datum_t *pem, mode_t mode, char **ret,
          struct mh_fault *fault)
{
    enum mh_code code = fd_replace_file(dir_fd, name, pem->data, pem->size, mode, true, fault);

    if (code == MH_OK) {
        *ret = str_dup_n((const char *) pem->data, pem->size);
        if (*ret == NULL)
            code = fail(fault, MH_NOMEM, 0, "memory ran out");
    }
    explicit_bzero(pem->data, pem->size);
    gnutls_free(pem->data);
    return code;
}

static enum mh_code
keep_key(int dir_fd, const struct kept *kept, char **ret, struct mh_fault *fault)
{
    gnutls_datum_t pem = {0};
    int error = gnutls_x509_privkey_export2(kept->key, GNUTLS_X509_FMT_PEM, &pem);

    return error < 0 ? fail_tls(fault, error, "write a key")
                     : keep_text(dir_fd, SELF_SIGNED_KEY, &pem, 0600, ret, fault);
}

static enum mh_code
keep_certificate(int dir_fd, const struct kept *kept, char **ret, struct mh_fault *fault)
{
    gnutls_datum_t pem = {0};
    int error = gnutls_x509_crt_export2(kept->certificate, GNUTLS_X509_FMT_PEM, &pem);

    return error < 0 ? fail_tls(fault, error, "write a certificate")
                     : keep_text(dir_fd, SELF_SIGNED_CERTIFICATE, &pem, 0644, ret, fault);
}

/* Make what is missing, and write both. */
static enum mh_code
renew(int dir_fd, const struct strings *names, int64_t now, struct kept *kept, struct tls_pem *ret,
      struct mh_fault *fault)
{
    struct tls_pem pem = {0};
    enum mh_code code = kept->key != NULL ? MH_OK : make_key(kept, fault);

    if (code == MH_OK)
        code = make_certificate(names, now, kept, fault);
    if (code == MH_OK)
        code = keep_key(dir_fd, kept, &pem.key, fault);
    if (code == MH_OK)
        code = keep_certificate(dir_fd, kept, &pem.certificate, fault);
    if (code == MH_OK)
        *ret = pem;
    else
        tls_pem_done(&pem);
    return code;
}

/* --- both --- */

static enum mh_code
settle(int dir_fd, const struct strings *names, int64_t now, struct tls_pem *kept_pem,
       struct kept *kept, struct tls_pem *ret, struct mh_fault *fault)
{
    const char *reason;

    if (kept_pem->key != NULL)
        import_key(kept_pem->key, kept);
    if (kept_pem->certificate != NULL)
        import_certificate(kept_pem->certificate, kept);
    if (kept->certificate == NULL)
        return renew(dir_fd, names, now, kept, ret, fault);
    reason = why_not(kept, names, now, fault);
    if (reason == NULL) {
        *ret = *kept_pem;
        *kept_pem = (struct tls_pem){0};
        return MH_OK;
    }
    log_note("a new self-signed certificate takes the old one's place: %s; browsers ask again",
             reason);
    return renew(dir_fd, names, now, kept, ret, fault);
}

enum mh_code
self_signed_get(int dir_fd, const struct strings *names, int64_t now, struct tls_pem *ret,
                struct mh_fault *fault)
{
    struct tls_pem kept_pem = {0};
    struct kept kept = {0};
    enum mh_code code = read_text(dir_fd, SELF_SIGNED_KEY, &kept_pem.key, fault);

    if (code == MH_OK)
        code = read_text(dir_fd, SELF_SIGNED_CERTIFICATE, &kept_pem.certificate, fault);
    if (code == MH_OK)
        code = settle(dir_fd, names, now, &kept_pem, &kept, ret, fault);
    if (code != MH_OK)
        fault_prepend(fault, "the self-signed certificate in the cache directory");
    kept_done(&kept);
    tls_pem_done(&kept_pem);
    return code;
}
