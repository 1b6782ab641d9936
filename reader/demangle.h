/* SPDX-License-Identifier: Apache-2.0
 *
 * demangle.h - C++ and Rust names made readable, by libiberty, within limits:
 * a few hundred bytes of mangled name can stand for gigabytes of text.  Called
 * by the back ends of symbolize.h, in the child and for kernel names.
 */
#ifndef PROF_DEMANGLE_H
#define PROF_DEMANGLE_H

/* The demangled form of name, with parameters, to be freed with g_free; NULL
 * when name is not mangled, is malformed, its text exceeds SYMBOLIZE_NAME_BYTES, or
 * it takes a tenth of a second.  Rust's legacy hash suffix is dropped. */
char *demangle_name(const char *name);

#endif
