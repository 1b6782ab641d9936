/* SPDX-License-Identifier: Apache-2.0
 *
 * out.h - what an output format is: one function of a finished profile, in a
 * file of its own.  Called once per run by command_export() (opts.c), which has
 * parsed the options, read the traces and opened the file.
 */
#ifndef PROF_OUT_H
#define PROF_OUT_H

#include <stdio.h>

#include "opts.h"
#include "profile.h"

struct exporter {
	unsigned groups;	/* enum options_group: the options it takes */
	const char *lines_help; /* what --lines does here; NULL: as everywhere */
	bool shows_losses;	/* it prints losses itself: no warnings on stderr */
	/* Writes the whole output.  profile is not to be changed (replaying it
	 * is no change).  Write errors stay in the stream: the caller looks at
	 * ferror() and closes it.  Returns 0, or an exit status with nothing
	 * more written after a message of its own. */
	int (*write)(struct profile *profile, FILE *out, const struct options *options);
};

extern const struct exporter out_folded; /* out_folded.c */
extern const struct exporter out_json;	 /* out_json.c */
extern const struct exporter out_report; /* report.c */

/* Commands with a main() of their own. */
int dump_main(int argc, char **argv);  /* out_dump.c */
int check_main(int argc, char **argv); /* check.c */
int run_main(int argc, char **argv);   /* run.c */

#endif
