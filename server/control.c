/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket.
 *
 * It is an HTTP listener like the others, with one route table's room (/-/api/) and another guard:
 * its file can be opened by the owner alone, and every request's peer is asked for its user besides
 * (api.c), since a descriptor may be handed on. The host holds the cache's LOCK, so a socket that
 * lies there already was left by a process that is gone. The file is removed at stop, after its
 * daemon; a client that finds none takes the LOCK itself.
 *
 * Main thread, at start. */
#include "control.h"

#include "fault.h"

#define CONTROL_NAME "control"
#define CONTROL_MODE 0600

enum mh_code
control_listen(const struct mh_host *host, struct listen_socket *ret, struct mh_fault *fault)
{
    enum mh_code code =
        listen_open_at(mh_host_dir_fd(host), CONTROL_NAME, CONTROL_MODE, ret, fault);

    if (code != MH_OK)
        fault_prepend(fault, "the control socket in the cache directory");
    return code;
}
