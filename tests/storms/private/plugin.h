/* SPDX-License-Identifier: Apache-2.0
 *
 * plugin.h - what plugin.c and plugin.cc have in common: both call into their
 * private libraries.
 */
#ifdef __cplusplus
extern "C" {
#endif

int lzma_private_extra(int n);
int unwind_private_extra(int n);
int lz4_private_extra(int n);
unsigned lzma_version_number(void);
unsigned LZ4_versionNumber(void);

/* 0 when all is as it should be. */
int plugin_run(void *(*allocate)(size_t), void (*release)(void *), void (*through)(void (*)(void)));

static inline int private_libraries_work(void)
{
	return lzma_private_extra(10) == 55 && unwind_private_extra(20) == 210 &&
	       lz4_private_extra(30) == 465 && lzma_version_number() == 424242 &&
	       LZ4_versionNumber() == 424242;
}

#ifdef __cplusplus
}
#endif
