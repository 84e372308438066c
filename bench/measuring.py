# SPDX-License-Identifier: MIT
"""How bench/run measures one run of a command, and what a machine is called by."""
import os
import platform
import re
import subprocess
import time

SAMPLE_SECONDS = 0.002
SHORT_SECONDS = 1  # for what takes less, memory is looked at in several runs if need be


class Wrong(Exception):
    """An answer is not what it has to be."""


def spawn(command, output, alone=False):
    """Starts @command; its output goes to the file descriptor @output. With @alone all other work of the machine waits for it."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, output, 1),
               (os.POSIX_SPAWN_DUP2, output, 2)]
    more = {"scheduler": (os.SCHED_FIFO, os.sched_param(1))} if alone else {}
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    return os.posix_spawnp(command[0], command, environment, file_actions=actions, **more)


def ended_well(command, status, output):
    """Raises Wrong if @command failed."""
    if status:
        os.lseek(output, 0, os.SEEK_SET)
        said = os.read(output, 2000).decode("utf-8", "replace") if os.fstat(output).st_size else ""
        raise Wrong("exit status %d from: %s\n%s" % (os.waitstatus_to_exitcode(status), " ".join(command), said))


def measure(command, output, alone=False):
    """Runs it: seconds, and seconds of processors. Nothing else is done meanwhile."""
    began = time.monotonic()
    _, status, usage = os.wait4(spawn(command, output, alone), 0)
    seconds = time.monotonic() - began
    ended_well(command, status, output)
    return seconds, usage.ru_utime + usage.ru_stime


def resident_memory(pid):
    """Bytes of resident memory that process @pid has now: anonymous ones, and pages of files; none when it has ended."""
    try:
        with open("/proc/%d/status" % pid, encoding="utf-8") as status:
            found = dict(re.findall(r"^(RssAnon|RssFile):\s*([0-9]+) kB", status.read(), re.MULTILINE))
    except OSError:
        return 0, 0
    return int(found.get("RssAnon", 0)) * 1024, int(found.get("RssFile", 0)) * 1024


def measure_memory(command, output):
    """Runs it and looks every few milliseconds: the most bytes of anonymous memory, and of pages of files. A short run that nobody
    looked at for a while, since other work had the processor, is not all that is looked at."""
    began, anonymous, files, late = time.monotonic(), 0, 0, True
    while late and time.monotonic() - began < SHORT_SECONDS:
        *seen, late = look_at_memory(command, output)
        anonymous, files = max(anonymous, seen[0]), max(files, seen[1])
    return anonymous, files


def look_at_memory(command, output):
    """The same of one run, and whether a look came late."""
    pid = spawn(command, output)
    anonymous = files = looks = 0
    late, last = False, time.monotonic()
    while True:
        ended, status, _ = os.wait4(pid, os.WNOHANG)
        time_now = time.monotonic()
        late |= time_now - last > 3 * SAMPLE_SECONDS
        if ended:
            ended_well(command, status, output)
            return anonymous, files, late or looks < 2
        now, last, looks = resident_memory(pid), time_now, looks + 1
        anonymous, files = max(anonymous, now[0]), max(files, now[1])
        time.sleep(SAMPLE_SECONDS)


def run_alone(pid, priority):
    """Lets all threads of the process run before any other work of the machine."""
    for thread in os.listdir("/proc/%d/task" % pid):
        os.sched_setscheduler(int(thread), os.SCHED_FIFO, os.sched_param(priority))


# ---- the machine, by its properties ----


def read(path, default=""):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        return default


def first_line(*command):
    """The first line that @command says; None where it cannot run."""
    try:
        run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except OSError:
        return None
    return run.stdout.decode("utf-8", "replace").partition("\n")[0].strip()


def processor():
    text = read("/proc/cpuinfo")
    named = dict(re.findall(r"^(model name|cpu family|model)\s*:\s*(.*)$", text, re.MULTILINE))
    name = named.get("model name", platform.machine())
    if "cpu family" in named:
        name += ", family %s, model %s" % (named["cpu family"], named["model"])
    return name


def caches():
    folder = "/sys/devices/system/cpu/cpu0/cache"
    said = []
    for index in sorted(name for name in os.listdir(folder) if name.startswith("index")) if os.path.isdir(folder) else []:
        level, kind, size = (read(os.path.join(folder, index, name)) for name in ("level", "type", "size"))
        if kind != "Instruction":
            said.append("L%s %s" % (level, size.replace("K", " KiB")))
    return ", ".join(said) or "unknown"


def flags(build):
    """The compiler's flags of the build."""
    found = re.search("^CFLAGS = (.*)$", read(os.path.join(build, "Makefile")), re.MULTILINE)
    return found.group(1) if found else "unknown"


def compiler(build):
    found = re.search("^CC = (.*)$", read(os.path.join(build, "Makefile")), re.MULTILINE)
    return found and first_line(*found.group(1).split(), "--version") or "unknown"


def describe_machine(build, python):
    """What names the machine and what ran on it: no name of a host, no path."""
    total = re.search(r"MemTotal:\s*([0-9]+) kB", read("/proc/meminfo"))
    system = re.search('^PRETTY_NAME="?([^"\n]*)', read("/etc/os-release"), re.MULTILINE)
    huge = re.search(r"\[(.*)\]", read("/sys/kernel/mm/transparent_hugepage/enabled"))
    return {
        "processor": processor(),
        "cores": "%d" % len(os.sched_getaffinity(0)),
        "caches": caches(),
        "memory": "%.0f GiB" % (int(total.group(1)) / 2**20) if total else "unknown",
        "transparent huge pages": huge.group(1) if huge else "unknown",
        "kernel": "%s %s" % (os.uname().sysname, os.uname().release),
        "system": system.group(1) if system else "unknown",
        "interpreter": first_line(python, "--version"),
        "gdb": first_line("gdb", "--version") or "not installed",
        "compiler": "%s, %s" % (compiler(build), flags(build)),
    }
