"""The report of a program as JSON."""

import json
from collections import Counter
from typing import Any

from .findings import Finding, Judgement
from .report import different


def as_json(judgement: Judgement) -> str:
    """The report as JSON."""
    return json.dumps(
        {
            "files": judgement.files,
            "served": judgement.is_complete,
            "way": judgement.way.value,
            "ways": [way.value for way in judgement.ways],
            "lines": [described(each, judgement.becomes(each)) for each in judgement.rows],
            "unread": judgement.unread,
            "stays_mindspore": dict(Counter(judgement.staying)),
            "differences": different(judgement),
        },
        indent=2,
    )


def described(finding: Finding, becomes: str) -> dict[str, Any]:
    """A finding as JSON's types."""
    return {
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "text": finding.text,
        "name": finding.name,
        "kind": finding.kind.value,
        "verdict": finding.verdict.value,
        "becomes": becomes or None,
        "reason": finding.reason or None,
        "remedy": finding.remedy or None,
    }
