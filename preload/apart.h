/* SPDX-License-Identifier: Apache-2.0
 *
 * apart.h - where large arrays lie.  Each page touched for the first time is a fault, 3 us
 * on a virtual machine; the small variables, which every start touches, share three pages if
 * no array lies between them.  The linker sorts by alignment (GNUmakefile).
 */
#ifndef PROF_APART_H
#define PROF_APART_H

#define APART __attribute__((section(".bss.apart"), aligned(4096)))

#endif
