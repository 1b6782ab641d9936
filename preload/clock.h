/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h - a fast sys_now_ns.
 */
#ifndef PROF_CLOCK_H
#define PROF_CLOCK_H

/* [init] Finds the vDSO's clock_gettime, 20 ns where the system call takes 150;
 * without one the system call stays in use. */
void clock_init(void);

#endif
