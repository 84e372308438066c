# SPDX-License-Identifier: MIT
"""What an audit said, read from each of its formats with a reader that is not ours."""
import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree

from runner import check

# The elements and attributes of Jenkins's schema (jenkins-junit.xsd of its xUnit plugin) that GitLab and GitHub's actions
# read, too: which may be there, and which must be. "file" and "line" are read by those two and ignored by Jenkins.
ATTRIBUTES = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped", "time"}, set()),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped", "time"}, {"name", "tests", "failures", "errors"}),
    "properties": (set(), set()),
    "property": ({"name", "value"}, {"name", "value"}),
    "testcase": ({"classname", "name", "file", "line", "time"}, {"classname", "name"}),
    "failure": ({"message", "type"}, {"message", "type"}),
    "error": ({"message", "type"}, {"message", "type"}),
    "system-out": (set(), set()),
    "system-err": (set(), set()),
}
# In this order: the schema has sequences.
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase", "system-out", "system-err"],
    "properties": ["property"],
    "testcase": ["error", "failure", "system-out", "system-err"],
}


def check_element(element):
    """@element and all in it are as the schema has them."""
    allowed, needed = ATTRIBUTES[element.tag]
    given = set(element.attrib)
    check(needed <= given <= allowed, "<%s> has the attributes %s", element.tag, sorted(given))
    order = [CHILDREN.get(element.tag, []).index(child.tag) if child.tag in CHILDREN.get(element.tag, []) else -1
             for child in element]
    check(-1 not in order and order == sorted(order), "in <%s> there is %s", element.tag, [child.tag for child in element])
    if element.tag in CHILDREN:
        check(not (element.text or "").strip(), "<%s> has text: %r", element.tag, element.text)
    for child in element:
        check_element(child)


def check_counts(element):
    """The numbers of a suite, or of all suites, are those of its cases."""
    cases = list(element.iter("testcase"))
    counted = {"tests": len(cases), "failures": sum(case.find("failure") is not None for case in cases),
               "errors": sum(case.find("error") is not None for case in cases), "skipped": 0}
    said = {name: int(element.get(name)) for name in counted}
    check(said == counted, "<%s> says %s, and there are %s", element.tag, said, counted)


def junit_of(text):
    """The root of JUnit's XML, which is as its readers want it."""
    root = ElementTree.fromstring(text.encode("utf-8"))
    check(root.tag == "testsuites", "the root is <%s>", root.tag)
    check_element(root)
    for element in [root, *root]:
        check_counts(element)
    return root


class Result:
    """What one format says of one rule. None where the format does not say it."""

    def __init__(self, result, message=None, found=None, fails=None, severity=None):
        self.result, self.message, self.found, self.fails, self.severity = result, message, found, fails, severity
        self.violations = []  # their messages
        self.rows = []        # of these, with all columns


def from_rows(rows):
    """Rule → Result, of rows as JSON has them."""
    results, name = {}, None
    for row in rows:
        if row["violation"] is None:
            name = row["rule"]
            check(name not in results, "the rule %s comes twice", name)
            results[name] = Result(row["result"], row["message"], row["found"], row["fails"], row["severity"])
            results[name].total = row["violations"]
            continue
        check(row["rule"] == name, "a violation of %s is below %s", row["rule"], name)
        results[name].violations.append(row["message"])
        results[name].rows.append(row)
        check(row["violation"] == len(results[name].violations), "violation %s comes as number %d", row["violation"],
              len(results[name].violations))
    for name, result in results.items():
        more = sum(row["more"] or 0 for row in result.rows)
        check(result.total == len(result.rows) + more, "%s: %d violations, %d shown, %d more", name, result.total,
              len(result.rows), more)
    return results


def from_json(text):
    return from_rows(json.loads(text)["rows"])


def from_jsonl(text):
    return from_rows([json.loads(line) for line in text.splitlines()])


def from_csv(text):
    records = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    kinds = {"found": int, "violation": int, "violations": int, "more": int, "count": int, "bytes": int, "line": int,
             "limit": int, "fails": lambda field: field == "true"}
    rows = [{name: kinds.get(name, str)(field) if field else None for name, field in zip(records[0], record)}
            for record in records[1:]]
    return from_rows(rows)


def from_junit(text):
    results = {}
    for case in junit_of(text).iter("testcase"):
        said = [child for child in case if child.tag in ("failure", "error", "system-out")]
        check(len(said) <= 1, "%s has %s", case.get("name"), [child.tag for child in said])
        tag = said[0].tag if said else None
        result = {None: "ok", "failure": "FAIL", "system-out": "FAIL", "error": "unknown"}[tag]
        lines = said[0].text.splitlines() if said else []
        message = said[0].get("message") if said and tag != "system-out" else None
        check(message is None or lines[0] == message, "%s: text %r, attribute %r", case.get("name"), lines[:1], message)
        if tag == "system-out":
            message = lines[0].split(": ", 1)[1]
        results[case.get("name")] = Result(result, message, fails=tag == "failure")
        results[case.get("name")].violations = lines[2:]
    return results


def from_text(text):
    results, name = {}, None
    lines = text.splitlines()
    check(lines[0].split() == ["result", "severity", "rule", "found", "check"], "the header is %r", lines[0])
    for line in lines[1:-1]:
        head = re.match(r"(ok|FAIL|unknown) +(error|warning|info) +(\S+) +(-|[\d ]*\d)  \S", line)
        if head:
            name = head.group(3)
            found = None if head.group(4) == "-" else int(head.group(4).replace(" ", ""))
            results[name] = Result(head.group(1), found=found, severity=head.group(2))
        elif results[name].message is None:
            results[name].message = line.strip()
        else:
            results[name].violations.append(line.strip())
    said = re.fullmatch(r"(\d+) rules?: (\d+) ok, (\d+) failed(?: \(and (\d+) of lower severity\))?, (\d+) unknown", lines[-1])
    check(said, "the last line is %r", lines[-1])
    rules, ok, failed, lower, unknown = (int(each or 0) for each in said.groups())
    counted = [result.result for result in results.values()]
    check((rules, ok, failed + lower, unknown) == (len(counted), counted.count("ok"), counted.count("FAIL"),
                                                   counted.count("unknown")), "the last line is %r", lines[-1])
    return results


READERS = {"json": from_json, "jsonl": from_jsonl, "csv": from_csv, "junit": from_junit, "text": from_text}
