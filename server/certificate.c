/* SPDX-License-Identifier: Apache-2.0 */
/* From settings to the certificate that handshakes are given.
 *
 * A self-signed one is for every name by which somebody may come: this machine's own ones, what is
 * listened on, and what `hosts` names. Nothing here is remembered: a reload asks again, and decides
 * itself whether what it gets is new. Main thread. */
#include "certificate.h"

#include "clocks.h"
#include "fault.h"
#include "lan.h"
#include "listen_address.h"
#include "mem.h"
#include "self_signed.h"

#include <string.h>

#define NAMES_MAX 64

static bool
add(struct strings *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->items[i], name) == 0)
            return true;
    }
    return names->count >= NAMES_MAX || strings_add(names, name, strlen(name));
}

/* "0.0.0.0" and "::" are nobody's address. */
static bool
add_listened(struct strings *names, const char *text)
{
    struct listen_address address;
    struct mh_fault fault;

    if (listen_address_parse(text, &address, &fault) != MH_OK || address.kind == LISTEN_UNIX ||
        strcmp(address.host, "0.0.0.0") == 0 || strcmp(address.host, "::") == 0)
        return true;
    return add(names, address.host);
}

static bool
collect(const struct settings_server *settings, struct strings *names)
{
    static const char *const ours[] = {"localhost", "127.0.0.1", "::1"};
    struct strings found = {0};
    bool is_ok = true;

    for (size_t i = 0; is_ok && i < COUNT_OF(ours); i++)
        is_ok = add(names, ours[i]);
    for (size_t i = 0; is_ok && i < settings->hosts.count; i++)
        is_ok = add(names, settings->hosts.items[i]);
    for (size_t i = 0; is_ok && i < settings->listen.count; i++)
        is_ok = add_listened(names, settings->listen.items[i]);
    is_ok = is_ok && lan_names(&found) && lan_addresses(&found);
    for (size_t i = 0; is_ok && i < found.count; i++)
        is_ok = add(names, found.items[i]);
    strings_done(&found);
    return is_ok;
}

static enum mh_code
load_self_signed(const struct settings *settings, struct mh_host *host, struct tls_identity **ret,
                 struct mh_fault *fault)
{
    struct strings names = {0};
    struct tls_pem pem = {0};
    enum mh_code code =
        collect(&settings->server, &names) ? MH_OK : fail(fault, MH_NOMEM, 0, "memory ran out");

    if (code == MH_OK)
        code = self_signed_get(mh_host_dir_fd(host), &names, clock_wall_s(), &pem, fault);
    if (code == MH_OK)
        code = tls_identity_new(&pem, SELF_SIGNED_CERTIFICATE, SELF_SIGNED_KEY, ret, fault);
    tls_pem_done(&pem);
    strings_done(&names);
    return code;
}

static enum mh_code
load_files(const struct settings_tls *tls, struct tls_identity **ret, struct mh_fault *fault)
{
    struct tls_pem pem = {0};
    enum mh_code code = tls_pem_read(tls->certificate, tls->key, &pem, fault);

    if (code == MH_OK)
        code = tls_identity_new(&pem, tls->certificate, tls->key, ret, fault);
    tls_pem_done(&pem);
    return code;
}

enum mh_code
certificate_load(const struct settings *settings, struct mh_host *host, struct tls_identity **ret,
                 struct mh_fault *fault)
{
    if (settings->tls.certificate != NULL && settings->tls.key != NULL)
        return load_files(&settings->tls, ret, fault);
    if (settings->tls.is_self_signed)
        return load_self_signed(settings, host, ret, fault);
    *ret = NULL;
    return MH_OK;
}
