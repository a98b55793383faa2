/* SPDX-License-Identifier: Apache-2.0 */
/* What the mirror's other files may see of a view. */
#ifndef MIRROR_VIEW_INTERNAL_H
#define MIRROR_VIEW_INTERNAL_H

#include "host_internal.h"

#include <modelhost/view.h>

/* The version that a view is of, or NULL: its bytes are arriving. Both borrowed from the view. */
struct version *view_version(const struct mh_view *view, struct object **ret_object);

#endif
