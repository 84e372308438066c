#!/bin/sh
# SPDX-License-Identifier: MIT
#
# autogen.sh - from a fresh clone to a build.
#
#   ./autogen.sh            generates ./configure, nothing else
#   ./autogen.sh TARGET...  also installs missing packages (Debian, Ubuntu), configures in build/ and runs
#                           make TARGET... there: demo, check, check-full, all, ...
set -eu

# What a build needs, and what the tests and the demo need: packages of Debian and Ubuntu.
build_packages="autoconf automake libtool pkg-config gcc libc6-dev make libelf-dev libdw-dev libsmartcols-dev
	libcapstone-dev libsqlite3-dev libedit-dev"
check_packages="libcmocka-dev gdb gdbserver python3 binutils man-db procps xz-utils ca-certificates gpgv
	debian-archive-keyring g++ strace dwz valgrind clang libpython3-dev cython3 pybind11-dev python3-lxml"

cd "$(dirname "$0")"

say() {
	printf 'autogen.sh: %s\n' "$*" >&2
}

missing_packages() {
	for package in $build_packages $check_packages; do
		status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || status=
		test "$status" = installed || printf ' %s' "$package"
	done
}

# Debian, or something made of it?
have_apt() {
	command -v apt-get >/dev/null 2>&1 && command -v dpkg-query >/dev/null 2>&1
}

# Prints what runs a command as root: nothing for root, sudo where it asks nothing or may ask somebody.
root_command() {
	if [ "$(id -u)" = 0 ]; then
		echo env
	elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
		echo sudo
	else
		return 1
	fi
}

# Where there is no apt: the commands and libraries that are missing, by the names that all systems use.
missing_tools() {
	for command in autoreconf automake libtoolize pkg-config gcc make python3 gdb xz; do
		command -v $command >/dev/null 2>&1 || printf ' %s' $command
	done
	for library in libelf libdw smartcols sqlite3 cmocka; do
		pkg-config --exists $library 2>/dev/null || printf ' %s.pc' $library
	done
}

install_packages() {
	if ! have_apt; then
		missing=$(missing_tools)
		if [ -z "$missing" ]; then
			return
		fi
		say "this is not Debian or Ubuntu, so these are yours to install:$missing"
		say "Debian's names of all that is needed to build: $build_packages"
		say "and for check and demo:" $check_packages
		say "Then run ./autogen.sh $* again."
		exit 1
	fi
	missing=$(missing_packages)
	if [ -z "$missing" ]; then
		return
	fi
	if ! root=$(root_command); then
		say "these packages are missing, and only root may install them:"
		say "  apt-get install$missing"
		say "Run this as root (or let sudo through), then ./autogen.sh $* again."
		exit 1
	fi
	say "installing$missing"
	apt_get="$root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Dpkg::Use-Pty=0"
	# Lists that are absent or old name packages that the mirror no longer has. No list at all is told below.
	$apt_get update </dev/null || say "apt-get update failed; going on with the package lists that are here"
	# shellcheck disable=SC2086 # a list of words
	$apt_get install -y --no-install-recommends $missing </dev/null || {
		say "apt-get could not install what is needed:$missing"
		exit 1
	}
}

generate() {
	if ! command -v autoreconf >/dev/null 2>&1; then
		say "autoreconf is missing. Needed to build, by their names on Debian and Ubuntu:"
		say "  $build_packages"
		exit 1
	fi
	autoreconf --force --install
}

if [ $# -eq 0 ]; then
	generate
	exit
fi

case $1 in
-h | --help)
	sed -n '4,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0"
	exit
	;;
-*)
	say "no option $1 here; try ./autogen.sh --help"
	exit 2
	;;
esac

install_packages "$@"
generate
mkdir -p build
cd build
../configure
make --no-print-directory -j "$(nproc)"
exec make --no-print-directory "$@"
