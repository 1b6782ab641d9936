/* SPDX-License-Identifier: Apache-2.0
 *
 * debuginfod.h - debug files from the servers that DEBUGINFOD_URLS names.  The
 * library is loaded when it is asked for and only then.  Runs in the child.
 */
#ifndef PROF_DEBUGINFOD_H
#define PROF_DEBUGINFOD_H

#include <stddef.h>
#include <stdint.h>

/* A descriptor of the debug file with this build id (also kept in
 * debuginfod's cache), or -1: no library, no server, no such file. */
int debuginfod_open(const uint8_t *build_id, size_t build_id_len);

#endif
