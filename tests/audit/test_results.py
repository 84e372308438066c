#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Results of audits on made-up heaps, in all formats: test_results.py [FAKE_INSPECT]

fake-inspect is py-inspect with a made-up runtime in it (tests/verbs/fake.c), whose heaps test_verbs.py computes a second
time. Results are read with Python's own readers; JUnit's XML is compared with what its readers take.
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "verbs")]
sys.dont_write_bytecode = True

from results import READERS, from_json, junit_of  # noqa: E402
from runner import Results, check  # noqa: E402

FAKE = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "fake-inspect")
FOLDER = tempfile.TemporaryDirectory(prefix="libinspect-audit-")
RULE = "[%s]\nseverity = %s\nmessage = %s\n%s\n"


def rule(name, what, severity="error", message="m"):
    return RULE % (name, severity, message, what)


class Run:
    """One call on the target @target with the rules @text."""

    def __init__(self, target, text, *arguments, name="test.rules"):
        path = os.path.join(FOLDER.name, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        run = subprocess.run([FAKE, "audit", target, "--rules", name, *arguments], stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, check=False, cwd=FOLDER.name)
        self.status, self.text, self.messages = run.returncode, run.stdout.decode("utf-8"), run.stderr.decode("utf-8")
        check("Sanitizer" not in self.messages and "runtime error" not in self.messages, "%s", self.messages)

    def expect(self, status):
        check(self.status == status, "exit status %d, not %d: %s%s", self.status, status, self.text, self.messages)
        return self

    def results(self):
        return from_json(self.text)


def heap_rows(*arguments):
    """What test_verbs.py says that a made-up heap holds."""
    import test_verbs
    return test_verbs.heap(*arguments)


TARGET, COUNTS = "fake,count=3000,untracked=500,collectors=3", (3000, 3)


def objects():
    import test_verbs
    return test_verbs.heap(3000, 3, untracked=500)


# ---- numbers -----------------------------------------------------------------------------------------------------------


def limits_are_exact():
    """Each check that counts holds at its number and not below, or above; and says the number."""
    rows = objects()
    dicts = [row for row in rows if row["type"] == "dict"]
    models = [row for row in rows if row["type"].startswith("app.models.")]
    large = [row for row in rows if row["size"] > 100000]
    numbers = {
        "objects": len(rows),
        "bytes": sum(row["size"] for row in rows),
        "count of dict": len(dicts),
        "bytes of dict": sum(row["size"] for row in dicts),
        "count of app.models.*": len(models),
        "bytes of app.m[o]dels.*": sum(row["size"] for row in models),
    }
    for what, number in numbers.items():
        for words, difference, holds in (("at most", 0, True), ("at most", -1, False), ("at least", 0, True),
                                         ("at least", 1, False)):
            if words == "at least" and " of " not in what:
                continue
            check_ = "check = %s %s %d" % (what, words, number + difference)
            result = Run(TARGET, rule("r", check_), "--format=json").expect(0 if holds else 1).results()["r"]
            check(result.result == ("ok" if holds else "FAIL"), "%s: %s", check_, result.result)
            check(result.found == number, "%s: found %s, not %d", check_, result.found, number)
    check(len(large) > 3, "the heap is too small")
    biggest = max(row["size"] for row in rows)
    for check_, unwanted in (("no object larger than 100000", large), ("no object larger than %d" % biggest, []),
                             ("no object of type cell", [row for row in rows if row["type"] == "cell"]),
                             ("no object of type app.* larger than 100000",
                              [row for row in large if row["type"].startswith("app.")]),
                             ("no object of type nothing", [])):
        result = Run(TARGET, rule("r", "check = " + check_), "--format=json").expect(1 if unwanted else 0).results()["r"]
        said = [(row["address"], row["type"], row["bytes"]) for row in result.rows]
        expected = [(row["address"], row["type"], row["size"]) for row in unwanted]
        check(sorted(said) == sorted(expected), "%s: %d objects, not %d", check_, len(said), len(expected))


def shares_are_told():
    """Below a violated limit are the types, largest share first, and they sum up to what was found."""
    rows = objects()
    for what, key in (("objects at most 1", "count"), ("bytes at most 1", "bytes")):
        result = Run(TARGET, rule("r", "check = " + what), "--format=json").expect(1).results()["r"]
        expected = {}
        for row in rows:
            count, size = expected.get(row["type"], (0, 0))
            expected[row["type"]] = (count + 1, size + row["size"])
        said = {row["type"]: (row["count"], row["bytes"]) for row in result.rows}
        check(said == expected, "%s: %s", what, said)
        amounts = [row[key] for row in result.rows]
        check(amounts == sorted(amounts, reverse=True), "%s: in the order %s", what, amounts)
        check(sum(amounts) == result.found, "%s: sums up to %d", what, sum(amounts))


def messages_name_what_was_found():
    rows = [row for row in objects() if row["type"] == "cell"]
    size = sum(row["size"] for row in rows)
    text = rule("amount", "check = bytes of cell at most 1 KiB", message="{count}/{bytes}/{size}/{limit}/{type}/{{count}}")
    text += rule("query", "query = SELECT type, min(size) AS least, 'a{b}' AS text FROM objects WHERE type = 'cell'",
                 message="{count} {type} {least} {text}")
    text += rule("own-count", "query = SELECT count(*) AS count FROM objects", message="{count}")
    results = Run(TARGET, text, "--format=json").expect(1).results()
    human = "%.1f %s" % (size / 1024, "KiB") if size < 1 << 20 else "%.1f MiB" % (size / (1 << 20))
    check(results["amount"].message == "%d/%d/%s/1 KiB/cell/{count}" % (len(rows), size, human), "%s",
          results["amount"].message)
    check(results["query"].message == "1 cell %d a{b}" % min(row["size"] for row in rows), "%s", results["query"].message)
    check(results["own-count"].message == "3500", "%s", results["own-count"].message)


def rows_of_queries_are_violations():
    expected = sorted((row["address"], row["size"]) for row in objects() if row["type"] == "cell")
    text = rule("r", "query =\n  SELECT address, type, size, tracked\n  -- the cells\n\n  FROM objects WHERE type = 'cell'")
    result = Run(TARGET, text, "--format=json").expect(1).results()["r"]
    check(result.found == len(expected), "found %s", result.found)
    check(sorted((row["address"], row["bytes"]) for row in result.rows) == expected, "other objects")
    first = result.rows[0]
    check(re.fullmatch("address: %s, type: cell, size: %d, tracked: (yes|no)" % (first["address"], first["bytes"]),
                       first["message"]), "%s", first["message"])
    none = Run(TARGET, rule("r", "query = SELECT 1 WHERE 0"), "--format=json").expect(0).results()["r"]
    check((none.result, none.found, none.rows) == ("ok", 0, []), "no rows: %s", none.result)


# ---- formats -----------------------------------------------------------------------------------------------------------


MANY = (rule("first", "check = objects at most 10", message="{count} objects") +
        rule("second", "check = count of dict at least 1") +
        rule("third", "check = no object of type cell", "warning", "{count} cells") +
        rule("fourth", "query = SELECT type, count(*) AS n FROM objects GROUP BY 1 ORDER BY 1", "info", "of {type} {n}"))


def formats_agree():
    """What each format says of each rule and each violation is what JSON says."""
    for limit in ("3", "0"):
        truth = Run(TARGET, MANY, "--format=json", "--violations", limit).expect(1).results()
        check(len(truth["third"].rows) == (3 if limit == "3" else truth["third"].found), "%d rows", len(truth["third"].rows))
        for name, reader in READERS.items():
            said = reader(Run(TARGET, MANY, "--format", name, "--violations", limit).expect(1).text)
            check(list(said) == list(truth), "%s: rules %s", name, list(said))
            for each in said:
                compare(name + ", " + each, said[each], truth[each])


def compare(where, said, truth):
    check(said.result == truth.result, "%s: %s, not %s", where, said.result, truth.result)
    check((said.message or None) == (truth.message or None), "%s: %r, not %r", where, said.message, truth.message)
    for name in ("found", "fails", "severity"):
        value = getattr(said, name)
        check(value is None or value == getattr(truth, name), "%s: %s is %r", where, name, value)
    lines = [line for line in said.violations if not re.fullmatch(r"(and )?[\d ]+ more|more: [\d ]+", line)]
    check(lines == truth.violations, "%s: %s, not %s", where, lines[:3], truth.violations[:3])
    more = sum(row["more"] or 0 for row in truth.rows)
    if len(lines) < len(said.violations):
        number = int(re.sub(r"\D", "", said.violations[-1]))
        check(number == more, "%s: %d more, not %d", where, number, more)
    else:
        check(not more or said.rows, "%s: does not say that there are more", where)


def text_shows_ten():
    """And a program gets them all, unless it says otherwise."""
    for name, shown in (("text", 10), ("junit", 10), ("json", None), ("csv", None), ("jsonl", None)):
        said = READERS[name](Run(TARGET, rule("r", "check = no object of type cell"), "--format", name).expect(1).text)["r"]
        total = sum(row["type"] == "cell" for row in objects())
        check(len(said.violations) == (total if shown is None else shown + 1), "%s: %d", name, len(said.violations))


def hostile_names_are_escaped():
    """No name of a type breaks a format; XML is well-formed whatever the names hold."""
    target = "fake,hostile,count=500"
    text = rule("types", "check = objects at most 0") + rule("rows", "query = SELECT type FROM objects GROUP BY 1")
    text += rule("xml", "query = SELECT '<a b=\"c\">&amp;]]>''' AS text", message="{text}")
    text += rule("bytes", "query = SELECT char(1, 65534, 65535, 11, 128, 55357) AS text", message="{text}")
    truth = Run(target, text, "--format=json").expect(1).results()
    for name, reader in READERS.items():
        said = reader(Run(target, text, "--format", name, "--violations=0").expect(1).text)
        check(list(said) == list(truth), "%s: rules %s", name, list(said))
        check(len(said["types"].violations) == len(truth["types"].violations) == 8, "%s: %d", name,
              len(said["types"].violations))
    raw = Run(target, text, "--format=junit").expect(1).text
    check(not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]", raw), "control characters in XML")
    message = [case.find("failure").get("message") for case in junit_of(raw).iter("testcase")]
    check(message[2] == "<a b=\"c\">&amp;]]>'", "%s", message[2])
    check(message[3].startswith("\\x01\\ufffe\\uffff\\x0b\\x80"), "%r", message[3])


def suites_are_files():
    """In JUnit's XML each file is a suite, and each rule says its line."""
    other = os.path.join(FOLDER.name, "a<&'\".rules")
    with open(other, "w", encoding="utf-8") as file:
        file.write("# a\n\n" + rule("other", "check = objects at most 1", "warning"))
    run = Run("fake,count=10", rule("one", "check = objects at most 1") + rule("two", "check = gc enabled"), "--rules", other,
              "--format=junit").expect(1)
    root = junit_of(run.text)
    check([suite.get("name") for suite in root] == ["test.rules", other], "suites %s", [suite.get("name") for suite in root])
    said = [(case.get("name"), case.get("file"), case.get("line")) for case in root.iter("testcase")]
    check(said == [("one", "test.rules", "1"), ("two", "test.rules", "5"), ("other", other, "3")], "cases %s", said)


# ---- how it ends -------------------------------------------------------------------------------------------------------


def statuses():
    """0, 1, 2, 3 and 4, and which comes first."""
    ok, bad = rule("ok", "check = objects at most 100"), rule("bad", "check = objects at most 99")
    Run("fake,count=100", ok).expect(0)
    Run("fake,count=100", bad + ok).expect(1)
    Run("fake,count=100", "nonsense").expect(2)
    check(Run("fake,noruntime", bad).expect(3).text == "", "something is said of a target without a runtime")
    failed = list(junit_of(Run("fake,noruntime", bad, "--format=junit").expect(3).text).iter("error"))
    check(len(failed) == 1 and "there is no" in failed[0].get("message"), "without a runtime JUnit's XML has %s", failed)
    # Lists are broken: there may be more objects than are seen.
    seen = Run("fake,broken", rule("r", "check = objects at most 0"), "--format=json").expect(1).results()["r"].found
    few, many = rule("few", "check = objects at most %d" % seen), rule("many", "check = objects at most %d" % (seen - 1))
    results = Run("fake,broken", few, "--format=json").expect(4).results()
    check(results["few"].result == "unknown" and results["few"].message, "few: %s", results["few"].result)
    check(Run("fake,broken", many + few, "--format=json").expect(1).results()["many"].result == "FAIL", "many")
    enough = rule("enough", "check = count of * at least %d" % seen)
    check(Run("fake,broken", enough, "--format=json").expect(4).results()["enough"].result == "ok", "enough")
    more = rule("more", "check = count of * at least %d" % (seen + 1))
    check(Run("fake,broken", more, "--format=json").expect(4).results()["more"].result == "unknown", "more")
    query = rule("query", "query = SELECT 1 FROM objects WHERE size < 0")
    check(Run("fake,broken", query, "--format=json").expect(4).results()["query"].result == "unknown", "query")
    for name, reader in READERS.items():
        said = reader(Run("fake,broken", many + few, "--format", name).expect(1).text)
        check([said["many"].result, said["few"].result] == ["FAIL", "unknown"], "%s: %s", name, said["few"].result)


def severities():
    """Only errors make the exit status 1, unless --fail-on says otherwise."""
    for severity, fail_on, status in (("error", None, 1), ("warning", None, 0), ("info", None, 0), ("warning", "warning", 1),
                                      ("info", "warning", 0), ("info", "info", 1), ("error", "info", 1),
                                      ("error", "error", 1)):
        arguments = ["--fail-on", fail_on] if fail_on else []
        text = rule("r", "check = objects at most 1", severity)
        run = Run("fake,count=10", text, "--format=json", *arguments).expect(status)
        result = run.results()["r"]
        check(result.result == "FAIL" and result.fails == bool(status) and result.severity == severity, "%s %s", severity, fail_on)
        case = next(junit_of(Run("fake,count=10", text, "--format=junit", *arguments).text).iter("testcase"))
        check([child.tag for child in case] == ["failure" if status else "system-out"], "%s %s: %s", severity, fail_on, case)


def rules_are_chosen():
    text = "".join(rule(name, "check = objects at most 100") for name in ("one-a", "one-b", "two"))
    for arguments, expected in ((["--rule=one-a"], ["one-a"]), (["--rule=one-*"], ["one-a", "one-b"]),
                                (["--rule=two", "--rule=one-b"], ["one-b", "two"]), (["--skip=*-[ab]"], ["two"]),
                                (["--rule=one-*", "--skip=one-a"], ["one-b"]), ([], ["one-a", "one-b", "two"])):
        said = list(Run("fake,count=10", text, "--format=json", *arguments).expect(0).results())
        check(said == expected, "%s: %s", arguments, said)


def wrong_calls_are_told():
    good = rule("good", "check = objects at most 100")
    with open(os.path.join(FOLDER.name, "other.rules"), "w", encoding="utf-8") as file:
        file.write(good)
    for text, arguments, message in (
            (good, ["--rule=god"], "--rule: there is no rule 'god'; did you mean good?"),
            (good, ["--skip=x*"], "--skip: there is no rule 'x*'"),
            (good, ["--rules=none.rules"], "none.rules: there is no such file, and no set of rules of this name"),
            (good, ["--rules=./none"], "./none: there is no such file"),
            (good, ["--rules=/"], "/: is no regular file"),
            (good, ["--rules=/dev/zero"], "/dev/zero: is no regular file"),
            (good, ["--rules=other.rules"],
             "other.rules:1: there is a rule 'good' already, at test.rules:1: each needs a name of its own"),
            (good, ["--violations=some"], "--violations takes a number such as 4096, 0x1000 or 4k, not 'some'"),
            (good, ["--format=xml"], "--format takes one of text|json|jsonl|csv|junit, not 'xml'"),
            (rule("r", "query = SELECT none FROM objects"), [], "test.rules:4: rule 'r': SQL: no such column: none"),
            (rule("r", "query = SELECT 1 FROM none"), [], "test.rules:4: rule 'r': SQL: no such table: none"),
            (rule("r", "query = SELECT 1; SELECT 2"), [],
             "test.rules:4: rule 'r': there is more than one statement: a rule has one query"),
            (rule("r", "query = CREATE TEMP TABLE x (a)"), [],
             "test.rules:4: rule 'r': this is no query: it should begin with SELECT or WITH"),
            (rule("r", "query = -- nothing"), [],
             "test.rules:4: rule 'r': this is no query: it should begin with SELECT or WITH"),
            (rule("r", "query = ATTACH 'x' AS y"), [], "test.rules:4: rule 'r': SQL: "),
            (rule("r", "query = SELECT 1 AS one", message="{two}"), [],
             "test.rules:3: the query has no such column: the message has no '{two}' to name"),
            (rule("r", "check = objects at mots 1"), [],
             "test.rules:4: the check says 'mots' where it should say most; did you mean"[:60])):
        run = Run("fake,count=10", text, *arguments).expect(2)
        check(message in run.messages and run.text == "", "%r is not in %r", message, run.messages)
    run = subprocess.run([FAKE, "audit", "fake,count=10"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    check(run.returncode == 2 and b"audit needs --rules=FILE" in run.stderr, "%s", run.stderr)
    # Junit is for audits alone.
    run = subprocess.run([FAKE, "heap", "fake,count=10", "--format=junit"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         check=False)
    check(run.returncode == 2, "heap takes --format=junit")


def one_rule_stops_no_other():
    """A query that fails for what it finds leaves its own rule undecided."""
    text = rule("fails", "query = SELECT abs(-9223372036854775807 - 1 - size * 0) FROM objects")
    text += rule("bad", "check = objects at most 1") + rule("good", "check = objects at most 10")
    run = Run("fake,count=10", text, "--format=json").expect(1)
    said = {name: result.result for name, result in run.results().items()}
    check(said == {"fails": "unknown", "bad": "FAIL", "good": "ok"}, "%s", said)
    check("integer overflow" in run.results()["fails"].message, "%s", run.results()["fails"].message)


def mistyped_types_are_noted():
    run = Run(TARGET, rule("r", "check = count of app.models.Sesion at most 5"), "--format=json").expect(0)
    check("no object is of a type 'app.models.Sesion'; there is app.models.Session" in run.messages, "%s", run.messages)
    run = Run(TARGET, rule("r", "check = count of entirely.Different at most 5")).expect(0)
    check("entirely" not in run.messages, "%s", run.messages)


def main():
    sys.argv[1:] = [FAKE]
    results = Results()
    for test in (limits_are_exact, shares_are_told, messages_name_what_was_found, rows_of_queries_are_violations, formats_agree,
                 text_shows_ten, hostile_names_are_escaped, suites_are_files, statuses, severities, rules_are_chosen,
                 wrong_calls_are_told, one_rule_stops_no_other, mistyped_types_are_noted):
        results.run("audit on made-up heaps: " + test.__name__.replace("_", " "), test)
    FOLDER.cleanup()
    results.finish()


if __name__ == "__main__":
    main()
