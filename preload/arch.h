/* SPDX-License-Identifier: Apache-2.0
 *
 * arch.h - picks the one header that knows the processor.
 */
#ifndef PROF_ARCH_H
#define PROF_ARCH_H

#if defined(__x86_64__)
#include "arch_x86_64.h"
#else
#error "libprof runs on x86-64; see README.md, Limits"
#endif

#endif
