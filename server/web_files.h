/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of web/, embedded by the build: NUL-terminated UTF-8. */
#ifndef SERVER_WEB_FILES_H
#define SERVER_WEB_FILES_H

extern const char web_api_js[];
extern const char web_bodypix_js[];
extern const char web_charts_js[];
extern const char web_client_js[];
extern const char web_client_module_js[];
extern const char web_client_script_js[];
extern const char web_client_worker_js[];
extern const char web_dashboard_html[];
extern const char web_dashboard_js[];
extern const char web_format_js[];
extern const char web_icon_svg[];
extern const char web_style_css[];
extern const char web_try_html[];
extern const char web_try_js[];
extern const char web_watch_js[];

#endif
