/* SPDX-License-Identifier: Apache-2.0
 *
 * capture.h - copying a piece of the running thread's own stack, for the
 * allocation hook and for the timer's signal handler.  Inside the bounds the
 * thread registry knows this is a plain copy of pages that the kernel calls readable;
 * any other stack (a fiber's, an alternate signal stack), whose neighbours may go at any
 * moment, is read through the kernel, which fails softly where memory ends.
 */
#ifndef PROF_CAPTURE_H
#define PROF_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

/* [hook] [signal] The most bytes capture_stack will copy from sp upward: max,
 * or less where the stack is known to end earlier.  A multiple of 8 when max is. */
uint32_t capture_stack_size(uint64_t sp, uint32_t max);

/* [hook] [signal] Copies the calling thread's stack from sp upward to to, at
 * most max bytes.  Returns how many, 0 when nothing could be read; *cut tells
 * that it stopped at max and not at the stack's end.  The bytes of frames below
 * sp's own may change meanwhile, those above cannot. */
uint32_t capture_stack(uint64_t sp, uint8_t *to, uint32_t max, bool *cut);

#endif
