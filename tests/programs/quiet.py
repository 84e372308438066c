# SPDX-License-Identifier: MIT
"""Waits, and keeps nothing of its own: an oracle for tests/programs/subject.py that says nothing."""
import os
import signal

os.write(1, b"ready\n")
signal.pause()
