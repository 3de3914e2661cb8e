from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vtrain.validation.junit import Case, junit_xml

CASES = [
    Case("v", "validation", "passed", "seven images", seconds=1.5),
    Case(
        "v.threshold", "gain=3", "failure", "gain is 2, must be at least 3", kind="ThresholdNotMet"
    ),
    Case("v.threshold", "ssim=1", "skipped", "not judged"),
    Case("v", "command", "error", "StorageError: no space\nFree some.", kind="StorageError"),
]


def read(cases: list[Case]) -> ET.Element:
    text = junit_xml(cases, started="2026-01-31T12:00:00+00:00", seconds=2.25)
    return ET.fromstring(text)  # noqa: S314 - our own text


def test_the_suite_counts_its_cases() -> None:
    root = read(CASES)
    (suite,) = root

    expected = {"tests": "4", "failures": "1", "errors": "1", "skipped": "1", "time": "2.250"}
    assert root.tag == "testsuites"
    assert suite.tag == "testsuite"
    assert suite.attrib.items() >= expected.items()
    assert suite.attrib["timestamp"] == "2026-01-31T12:00:00"
    assert [case.tag for case in suite] == ["testcase"] * 4


def test_a_case_holds_its_outcome_with_message_and_class() -> None:
    passed, failed, skipped, broken = read(CASES).iter("testcase")

    assert passed.attrib == {"classname": "v", "name": "validation", "time": "1.500"}
    assert [part.tag for part in passed] == ["system-out"]
    assert failed[0].tag == "failure"
    assert failed[0].attrib == {
        "message": "gain is 2, must be at least 3",
        "type": "ThresholdNotMet",
    }
    assert [part.tag for part in skipped] == ["skipped"]
    assert broken[0].tag == "error"
    assert broken[0].attrib["message"] == "StorageError: no space"
    assert broken[0].text == "StorageError: no space\nFree some."


@given(st.text(), st.sampled_from(["passed", "failure", "error", "skipped"]))
def test_any_text_makes_a_document_that_can_be_read(text: str, outcome: str) -> None:
    (case,) = read([Case("v", text, outcome, text)]).iter("testcase")  # type: ignore[arg-type]

    assert len(case.attrib["name"]) == len(text)


@pytest.mark.parametrize("text", ["<b>&\"'", "\ud800", "\x00\x1b[0m", "\ufffe"])
def test_markup_and_what_xml_cannot_hold(text: str) -> None:
    document = junit_xml([Case("v", "x", "failure", text)], started="", seconds=0)

    assert document.encode("utf-8")
    assert ET.fromstring(document).find(".//failure") is not None  # noqa: S314 - our own text
