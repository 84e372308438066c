# SPDX-License-Identifier: MIT
"""Mercurial on a repository with branches, merges and renames: C extensions of its own, and much lazy state."""
import os
import shutil
import tempfile

from mercurial import cmdutil, commands, hg, merge, ui as ui_module  # noqa: F401

folder = tempfile.mkdtemp(prefix="libinspect-").encode()
ui = ui_module.ui.load()
ui.setconfig(b"ui", b"username", b"test")
ui.setconfig(b"ui", b"quiet", True)
ui.pushbuffer()
repository = hg.repository(ui, folder, create=True)


def write(name, text):
    with open(os.path.join(folder, name), "wb") as file:
        file.write(text)


for number in range(30):
    write(b"file%d" % (number % 7), b"line\n" * number)
    commands.commit(ui, repository, addremove=True, message=b"change %d" % number, date=b"%d 0" % number)
    if number % 10 == 9:
        commands.bookmark(ui, repository, b"mark%d" % number)
commands.update(ui, repository, rev=b"5")
write(b"other", b"other\n")
commands.commit(ui, repository, addremove=True, message=b"branch", date=b"100 0")
commands.rename(ui, repository, os.path.join(folder, b"file1"), os.path.join(folder, b"renamed"))
commands.commit(ui, repository, message=b"rename", date=b"101 0")
commands.log(ui, repository, graph=True, template=b"{rev} {desc} {bookmarks}\n")
commands.status(ui, repository, all=True)
kept = [repository[number] for number in repository]
kept += [each.manifest() for each in kept] + [each.parents() for each in kept] + [list(each) for each in kept[:5]]
kept += [repository.revs(b"heads(all()) or ancestors(%d)", 10), repository.dirstate, repository.changelog.index]
kept += [repository.file(b"renamed"), repository[b"tip"].diff()]  # no iterator of a manifest: the collector crashes
next(kept[-1])
ui.popbuffer()
shutil.rmtree(folder)
