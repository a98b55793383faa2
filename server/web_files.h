/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of web/, embedded by the build: NUL-terminated UTF-8. */
#ifndef SERVER_WEB_FILES_H
#define SERVER_WEB_FILES_H

extern const char web_client_js[];
extern const char web_client_module_js[];
extern const char web_client_script_js[];
extern const char web_client_worker_js[];
extern const char web_watch_js[];

#endif
