/* SPDX-License-Identifier: Apache-2.0
 *
 * ten.h - one.h ten times, TENS is the first digit.
 */
#define ONES 0
#include "one.h"
#undef ONES
#define ONES 1
#include "one.h"
#undef ONES
#define ONES 2
#include "one.h"
#undef ONES
#define ONES 3
#include "one.h"
#undef ONES
#define ONES 4
#include "one.h"
#undef ONES
#define ONES 5
#include "one.h"
#undef ONES
#define ONES 6
#include "one.h"
#undef ONES
#define ONES 7
#include "one.h"
#undef ONES
#define ONES 8
#include "one.h"
#undef ONES
#define ONES 9
#include "one.h"
#undef ONES
