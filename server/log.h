/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to people: one line on standard error each, "modelhost: warning: ...". No time stamps:
 * whoever collects the lines has a clock. Any thread; a line is written by one call, so lines never
 * mix. Bytes that could forge or garble a line are escaped. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

#include "attrs.h"

enum log_level {
    LOG_LEVEL_ERROR,   /* it was not done */
    LOG_LEVEL_WARNING, /* it was done, but somebody should look */
    LOG_LEVEL_NOTE,    /* worth a line; the last that is shown by default */
    LOG_LEVEL_DEBUG    /* -v */
};

/* Set the highest level that is shown; before other threads start. Errors always are. */
void log_init(enum log_level level);
enum log_level log_level_shown(void);

void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2);
void log_note(const char *format, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
