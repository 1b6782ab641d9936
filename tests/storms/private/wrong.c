/* SPDX-License-Identifier: Apache-2.0
 *
 * wrong.c - a part of a plugin's private liblzma, libunwind and liblz4: functions
 * with the names of the known ones that do nothing of what those do.  Nobody but the
 * plugin may come to call them, and it does not.
 */
#include <stdio.h>
#include <stdlib.h>

#define WRONG(name)                                                   \
	void name(void);                                              \
	void name(void)                                               \
	{                                                             \
		fputs("the plugin's " #name " was called\n", stderr); \
		abort();                                              \
	}

#ifdef WRONG_UNWIND
WRONG(unw_backtrace)
WRONG(unw_strerror)
WRONG(backtrace)
WRONG(_Ux86_64_strerror)
WRONG(_Ux86_64_getcontext)
WRONG(_Ux86_64_get_accessors)
WRONG(_ULx86_64_init_local)
WRONG(_ULx86_64_init_local2)
WRONG(_ULx86_64_init_remote)
WRONG(_ULx86_64_create_addr_space)
WRONG(_ULx86_64_set_caching_policy)
WRONG(_ULx86_64_get_reg)
WRONG(_ULx86_64_get_save_loc)
WRONG(_ULx86_64_apply_reg_state)
WRONG(_ULx86_64_reg_states_iterate)
WRONG(_ULx86_64_step)
WRONG(_U_dyn_info_list_addr)
WRONG(_Unwind_Backtrace)
WRONG(_Unwind_RaiseException)
WRONG(_Unwind_ForcedUnwind)
WRONG(_Unwind_Resume)
WRONG(_Unwind_GetIP)
WRONG(_Unwind_GetCFA)
WRONG(_Unwind_Find_FDE)
#endif
#ifdef WRONG_LZMA
WRONG(lzma_code)
WRONG(lzma_end)
WRONG(lzma_stream_decoder)
WRONG(lzma_stream_footer_decode)
WRONG(lzma_stream_buffer_decode)
WRONG(lzma_index_buffer_decode)
WRONG(lzma_index_size)
WRONG(lzma_index_end)
WRONG(lzma_index_uncompressed_size)
#endif
#ifdef WRONG_LZ4
WRONG(LZ4_compress_default)
WRONG(LZ4_compressBound)
WRONG(LZ4F_compressBegin)
WRONG(LZ4F_compressUpdate)
WRONG(LZ4F_compressEnd)
WRONG(LZ4F_compressFrame)
WRONG(LZ4F_createCompressionContext)
WRONG(LZ4F_isError)
WRONG(XXH32)
#endif
