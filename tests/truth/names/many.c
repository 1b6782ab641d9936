/* SPDX-License-Identifier: Apache-2.0
 *
 * many.c - forty times the functions of one.h, alike and not the same.  Never run.
 */
#include "engine.h"

extern volatile long sink;

#define PASTE(what, tens, ones) what##_##tens##ones
#define NAMED(what, tens, ones) PASTE(what, tens, ones)
#define NAME(what) NAMED(what, TENS, ONES)
#define SERIAL (TENS * 10 + ONES + 1)

#define TENS 1
#include "ten.h"
#undef TENS
#define TENS 2
#include "ten.h"
#undef TENS
#define TENS 3
#include "ten.h"
#undef TENS
#define TENS 4
#include "ten.h"
#undef TENS
