/* SPDX-License-Identifier: Apache-2.0
 *
 * unwind_ns.c - see unwind_ns.h.  dlmopen rather than dlopen: RTLD_LOCAL hides
 * symbols but not SONAMEs, and a plugin of the program that brings a liblzma of its own
 * would be given ours.
 */
#include "unwind_ns.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sys.h"

#define PATH_BYTES 4096

/* In this order a NEEDED entry finds what it asks for already in the namespace. */
static const char *const libraries[] = { "liblzma.so.5", "libunwind.so.8",
					 "libunwind-x86_64.so.8" };
#define LIBRARIES (sizeof(libraries) / sizeof(*libraries))

static char reason[512];

static int fail(int err, const char *what)
{
	snprintf(reason, sizeof(reason),
		 "libunwind could not be loaded (%s); install the package libunwind8, until then "
		 "stacks follow frame pointers",
		 what ? what : "no reason given");
	return err;
}

/* The directory of libprof.so with its last slash, or "" when unknown. */
static void own_directory(char *dir, size_t bytes)
{
	Dl_info info;
	const char *slash;

	*dir = '\0';
	if (!dladdr(&reason, &info) || !info.dli_fname)
		return;
	slash = strrchr(info.dli_fname, '/');
	if (slash && *info.dli_fname == '/' && (size_t)(slash - info.dli_fname) + 2 <= bytes) {
		memcpy(dir, info.dli_fname, (size_t)(slash - info.dli_fname) + 1);
		dir[slash - info.dli_fname + 1] = '\0';
	}
}

/* Half of the functions that the libraries name are never called: lazily bound, they load in
 * 470 us instead of 507.  Binding takes no lock of the loader's, since all that they name is in
 * libraries that they need themselves. */
#define BINDING (RTLD_LAZY | RTLD_LOCAL)

/* Loads the three from dir into one new namespace; all or none. */
static void *load_copies(const char *dir)
{
	void *handles[LIBRARIES];
	Lmid_t ns = LM_ID_NEWLM;
	char path[PATH_BYTES + 32];
	unsigned n;

	for (n = 0; n < LIBRARIES; n++) {
		snprintf(path, sizeof(path), "%s%s", dir, libraries[n]);
		handles[n] = dlmopen(ns, path, BINDING);
		if (!handles[n] || (!n && dlinfo(handles[n], RTLD_DI_LMID, &ns) < 0))
			break;
	}
	if (n == LIBRARIES)
		return handles[n - 1];
	n += n < LIBRARIES && handles[n];
	while (n)
		dlclose(handles[--n]);
	return NULL;
}

static bool have_copies(const char *dir)
{
	char path[PATH_BYTES + 32];
	int fd;

	snprintf(path, sizeof(path), "%s%s", dir, libraries[LIBRARIES - 1]);
	fd = *dir ? sys_open(path, O_PATH, 0) : -ENOENT;
	if (fd < 0)
		return false;
	sys_close(fd);
	return true;
}

int unwind_ns_load(struct unwind_ns *ns, const char **why)
{
	struct {
		const char *name;
		void **function;
	} wanted[] = {
		{ "_Ux86_64_create_addr_space", (void **)&ns->create_addr_space },
		{ "_Ux86_64_set_caching_policy", (void **)&ns->set_caching_policy },
		{ "_Ux86_64_init_remote", (void **)&ns->init_remote },
		{ "_Ux86_64_step", (void **)&ns->step },
		{ "_Ux86_64_get_reg", (void **)&ns->get_reg },
		{ "_Ux86_64_is_signal_frame", (void **)&ns->is_signal_frame },
		{ "_Ux86_64_dwarf_search_unwind_table", (void **)&ns->dwarf_search_unwind_table },
	};
	char dir[PATH_BYTES];
	void *lib = NULL;

	*why = reason;
	own_directory(dir, sizeof(dir));
	if (have_copies(dir))
		lib = load_copies(dir);
	if (!lib) /* the last one asks for the others */
		lib = dlmopen(LM_ID_NEWLM, libraries[LIBRARIES - 1], BINDING);
	if (!lib)
		return fail(-ENOENT, dlerror());
	for (unsigned i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		*wanted[i].function = dlsym(lib, wanted[i].name);
		if (!*wanted[i].function)
			return fail(-ENOSYS, wanted[i].name);
	}
	return 0;
}
