/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz.h - what the fuzz targets share.  Each fuzz_X.c is one target: libFuzzer
 * drives it in `make fuzz` (build-fuzzer/), replay.c drives it over the kept
 * inputs in `make fuzz-replay`.  A target aborts on what the sanitizers cannot
 * see: output that is not harmless, more memory than the reader may have.
 */
#ifndef PROF_FUZZ_H
#define PROF_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer's own mutation; absent, and then not called, in a replay. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

/* Ends the process with a message when wrong. */
void fuzz_require(bool good, const char *what);

/* ---- common_files.c ---- */

/* From here on memory counts: at the start of every input. */
void fuzz_begin(void);

/* Path of a file in memory with these bytes; one at a time. */
const char *fuzz_file(const uint8_t *data, size_t size);

/* ---- common_model.c ---- */

/* Loads the traces at paths (NULL-terminated, at most 6) and writes outputs of
 * them: pick says which, with which options.  Names come from the symbolizer in
 * common_model.c, which opens no file. */
void fuzz_model(char **paths, unsigned pick);

/* ---- common_mutate.c ---- */

/* Mutates a sequence of records, keeping their lengths right. */
size_t fuzz_mutate_records(uint8_t *data, size_t size, size_t max, unsigned *seed);

#endif
