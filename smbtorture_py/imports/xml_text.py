"""XML of other suites: read without trusting it."""

from __future__ import annotations

from xml.etree import ElementTree

from smbtorture_py.imports.outside import NotReadable


def parse(text: str) -> ElementTree.Element:
    """Return the root; raises NotReadable, also for a document type: those who write results have none, and
    entities can be made to grow without bound.
    """
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise NotReadable("has a document type declaration, which no results need")
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as error:
        line, column = error.position
        raise NotReadable(f"line {line}, column {column}: not XML: {error.msg.partition(':')[0]}") from None


def local_name(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def seconds(text: str) -> float:
    """Return a number of seconds; 0 where it is none."""
    try:
        return max(float(text.replace(",", "")), 0.0)
    except ValueError:
        return 0.0
