"""The outcome as JUnit XML, as Jenkins, GitLab and GitHub's actions read it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree as ET

SUITE = "vtrain validate"
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


@dataclass(frozen=True, slots=True)
class Case:
    """One test case.

    Attributes:
        group: Its class, such as ``vtrain.validate.threshold``.
        name: What is tested.
        outcome: How it ended: a failure is a figure not reached, an error is work not done.
        message: One line on the outcome; for a pass, what was found.
        kind: Class of the failure or error.
        seconds: How long it took (s).
    """

    group: str
    name: str
    outcome: Literal["passed", "failure", "error", "skipped"]
    message: str = ""
    kind: str = ""
    seconds: float = 0.0


def junit_xml(cases: Sequence[Case], *, started: str, seconds: float) -> str:
    """A whole document with one suite.

    Args:
        cases: In order.
        started: When (ISO 8601).
        seconds: How long all took (s).
    """
    counts = {
        "tests": len(cases),
        "failures": sum(case.outcome == "failure" for case in cases),
        "errors": sum(case.outcome == "error" for case in cases),
        "skipped": sum(case.outcome == "skipped" for case in cases),
    }
    numbers = {key: str(value) for key, value in counts.items()}
    time = f"{seconds:.3f}"
    root = ET.Element("testsuites", {"name": SUITE, **numbers, "time": time})
    # The schema that Jenkins uses knows no zone: the time is that of UTC.
    stamp = started.removesuffix("+00:00")
    suite = ET.SubElement(
        root, "testsuite", {"name": SUITE, **numbers, "time": time, "timestamp": stamp}
    )
    for case in cases:
        found = ET.SubElement(
            suite,
            "testcase",
            {
                "classname": case.group,
                "name": _clean(case.name),
                "time": f"{case.seconds:.3f}",
            },
        )
        message = _clean(case.message)
        if case.outcome == "passed":
            if message:
                ET.SubElement(found, "system-out").text = message
        elif case.outcome == "skipped":
            ET.SubElement(found, "skipped", {"message": message})
        else:
            attributes = {"message": message.partition("\n")[0], "type": case.kind}
            ET.SubElement(found, case.outcome, attributes).text = message
    ET.indent(root)
    body = ET.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
