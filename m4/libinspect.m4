# SPDX-License-Identifier: MIT
# libinspect.m4 - the checks of this project that autoconf does not bring along.

# LIBINSPECT_COMPILER_FLAGS(VARIABLE, FLAGS)
# Appends to VARIABLE those of FLAGS that the C compiler takes and links with.
AC_DEFUN([LIBINSPECT_COMPILER_FLAGS], [
	libinspect_saved_cflags=$CFLAGS
	for libinspect_flag in $2; do
		AC_MSG_CHECKING([whether $CC takes $libinspect_flag])
		CFLAGS="$libinspect_saved_cflags -Werror $libinspect_flag"
		AC_LINK_IFELSE([AC_LANG_SOURCE([int main(void) { return 0; }])],
			[AC_MSG_RESULT([yes]); $1="$$1 $libinspect_flag"],
			[AC_MSG_RESULT([no])])
	done
	CFLAGS=$libinspect_saved_cflags
])

# LIBINSPECT_GDB_INIT_DIR
# Sets gdb_init_dir to the folder whose files gdb loads when it starts, or to nothing where there is none.
AC_DEFUN([LIBINSPECT_GDB_INIT_DIR], [
	AC_PATH_PROG([GDB], [gdb])
	AC_ARG_WITH([gdb-init-dir],
		[AS_HELP_STRING([--with-gdb-init-dir=DIR],
			[install the gdb commands' loader in DIR (default: the folder that gdb reads when it starts)])],
		[], [with_gdb_init_dir=yes])
	AC_MSG_CHECKING([where gdb looks for commands when it starts])
	AS_CASE([$with_gdb_init_dir],
		[no], [gdb_init_dir=],
		[yes], [gdb_init_dir=
			AS_IF([test -n "$GDB"], [gdb_init_dir=`"$GDB" --batch --configuration 2>/dev/null |
				sed -n 's/.*--with-system-gdbinit-dir=\([[^ ]]*\).*/\1/p'`])],
		[gdb_init_dir=$with_gdb_init_dir])
	AC_MSG_RESULT([${gdb_init_dir:-nowhere}])
	AC_SUBST([gdb_init_dir])
	dnl A folder that nobody asked for may be one that only root may write to.
	AS_CASE([$with_gdb_init_dir], [yes], [gdb_init_dir_optional=true], [gdb_init_dir_optional=false])
	AC_SUBST([gdb_init_dir_optional])
	AM_CONDITIONAL([HAVE_GDB_INIT_DIR], [test -n "$gdb_init_dir"])
])
