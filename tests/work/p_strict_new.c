/* SPDX-License-Identifier: Apache-2.0
 *
 * p_strict_new.c - operator new and delete in all forms (by their mangled names)
 * that know each block: a delete of a block that is not theirs, or of another
 * size or alignment than it was made with, ends the program.
 *
 * flags: -shared -fPIC
 */
#include "work.h"

struct tag {
	size_t bytes, alignment;
	void *block;
	uint64_t magic;
};
#define MAGIC UINT64_C(0x7374726963746e65)
#define PLAIN 16u

static void *make(size_t bytes, size_t alignment)
{
	size_t room = sizeof(struct tag) + alignment;
	char *block = malloc(bytes + room);
	struct tag *tag;

	if (!block)
		abort();
	tag = (struct tag *)(((uintptr_t)block + room - 1) & ~(alignment - 1)) - 1;
	*tag = (struct tag){ bytes, alignment, block, MAGIC };
	return tag + 1;
}

static void unmake(void *p, size_t bytes, size_t alignment)
{
	struct tag *tag = (struct tag *)p - 1;

	if (!p)
		return;
	if (tag->magic != MAGIC || tag->alignment != alignment ||
	    (bytes != SIZE_MAX && tag->bytes != bytes)) {
		static const char text[] = "a block of another operator new\n";

		if (write(2, text, sizeof(text) - 1) < 0)
			_exit(98);
		_exit(99);
	}
	tag->magic = 0;
	free(tag->block);
}

#define FORM(type, name, params, body) \
	type name params;              \
	type name params               \
	{                              \
		body;                  \
	}

FORM(void *, _Znwm, (size_t n), return make(n, PLAIN))
FORM(void *, _Znam, (size_t n), return make(n, PLAIN))
FORM(void *, _ZnwmRKSt9nothrow_t, (size_t n, const void *t), (void)t; return make(n, PLAIN))
FORM(void *, _ZnamRKSt9nothrow_t, (size_t n, const void *t), (void)t; return make(n, PLAIN))
FORM(void *, _ZnwmSt11align_val_t, (size_t n, size_t a), return make(n, a))
FORM(void *, _ZnamSt11align_val_t, (size_t n, size_t a), return make(n, a))
FORM(void, _ZdlPv, (void *p), unmake(p, SIZE_MAX, PLAIN))
FORM(void, _ZdaPv, (void *p), unmake(p, SIZE_MAX, PLAIN))
FORM(void, _ZdlPvm, (void *p, size_t n), unmake(p, n, PLAIN))
FORM(void, _ZdaPvm, (void *p, size_t n), unmake(p, n, PLAIN))
FORM(void, _ZdlPvSt11align_val_t, (void *p, size_t a), unmake(p, SIZE_MAX, a))
FORM(void, _ZdaPvSt11align_val_t, (void *p, size_t a), unmake(p, SIZE_MAX, a))
FORM(void, _ZdlPvmSt11align_val_t, (void *p, size_t n, size_t a), unmake(p, n, a))
FORM(void, _ZdaPvmSt11align_val_t, (void *p, size_t n, size_t a), unmake(p, n, a))
