/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.c - see stats.h.
 */
#include "stats.h"

_Atomic uint64_t stats_lost[PROF_LOSS_CODES];
