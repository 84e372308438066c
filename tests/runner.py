# SPDX-License-Identifier: MIT
"""Runs tests one after the other: a line for each, the sum last. Used by the end-to-end suites."""
import sys
import time
import traceback


class Skip(Exception):
    """This machine cannot run the test; says why."""


class Failure(Exception):
    """What is wrong; several lines are fine."""


def check(condition, message, *values):
    """Raises Failure with @message % @values unless @condition."""
    if not condition:
        raise Failure(message % values if values else message)


class Results:
    """Counts and tells what became of each test."""

    def __init__(self, verbose=False):
        self.verbose = verbose
        self.passed, self.failed, self.skipped = 0, [], []

    def run(self, name, function, *arguments):
        """Runs one test. Returns whether it passed."""
        began = time.monotonic()
        try:
            said = function(*arguments)
        except Skip as reason:
            return self.skip(name, reason)
        except Failure as failure:
            return self.fail(name, failure)
        except Exception:
            return self.fail(name, traceback.format_exc())
        self.passed += 1
        print("ok %s (%.1f s)%s" % (name, time.monotonic() - began, " " + said if said and self.verbose else ""), flush=True)
        return True

    def skip(self, name, reason):
        """Notes that @name did not run."""
        self.skipped.append(name)
        print("skipped %s: %s" % (name, reason), flush=True)
        return False

    def fail(self, name, message):
        """Notes that @name went wrong."""
        self.failed.append(name)
        print("FAILED %s: %s" % (name, str(message).replace("\n", "\n    ")), flush=True)
        return False

    def finish(self):
        """Prints the sum and ends the program."""
        for name in self.failed:
            print("failed: %s" % name)
        print("%d passed, %d failed, %d skipped" % (self.passed, len(self.failed), len(self.skipped)), flush=True)
        sys.exit(1 if self.failed else 0)
