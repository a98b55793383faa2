/* SPDX-License-Identifier: Apache-2.0 */
/* A model as JSON: the one form that the API answers with and the commands' --json print. */
#ifndef SERVER_MODEL_JSON_H
#define SERVER_MODEL_JSON_H

#include "attrs.h"
#include "json.h"

#include <modelhost/model.h>

/* Write {path, url, state, bytes, bytes_present, files, files_present, pinned, last_used}, and
 * "failure" {code, sentence, expected, found, upstream} where there is one. last_used is RFC 3339
 * in UTC, or null.
 *
 * name  the member's name in an object, or NULL in an array or at the top */
void model_json_write(struct jsonw *w, const char *name, const struct mh_model *model);

/* The member "failure" of it. */
void model_json_write_failure(struct jsonw *w, enum mh_code code, const struct mh_fault *fault);
/* Read it back into a fault; its code, or OK where there is none. */
enum mh_code model_json_read_failure(const struct json *failure, struct mh_fault *fault);

/* Read back what model_json_write() wrote.
 *
 * ret  on OK filled; end it with mh_model_done()
 *
 * Returns OK, CORRUPT (it is not a model) or NOMEM. A bytes_present that is not told is guessed. */
MUST_USE enum mh_code model_json_read(const struct json *value, struct mh_model *ret,
                                      struct mh_fault *fault);

/* A code by its name (mh_code_name()); `otherwise` where there is none such. */
enum mh_code model_json_code(const char *name, enum mh_code otherwise);

#endif
