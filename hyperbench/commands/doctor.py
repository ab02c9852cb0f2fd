"""``hyperbench doctor``: whether this machine can measure, and what to do if not."""

from __future__ import annotations

import json
from pathlib import Path

from rich.markup import escape

from hyperbench.measuring.checkup import check_up
from hyperbench.registry import installed
from hyperbench.view.console import standard_output

_STYLES = {"ok": "green", "note": "yellow", "fail": "red"}
_WIDTH = 16
out = standard_output()


def doctor_command(output_dir: Path, data_dir: Path, as_json: bool) -> bool:
    """Check this machine and show each finding as it comes.

    Args:
        output_dir: where runs would go.
        data_dir: where demonstrations would go.
        as_json: print all as JSON, at the end.

    Returns:
        Whether nothing fails.
    """
    findings = []
    for finding in check_up(installed(), output_dir, data_dir):
        findings.append(finding)
        if as_json:
            continue
        style = _STYLES[finding.state]
        mark = f"[{style}]{finding.state:<5}[/]"
        said = f"{mark} {escape(finding.name):<{_WIDTH}} {escape(finding.said)}"
        out.print(said, highlight=False, soft_wrap=True)
        if finding.advice:
            out.print(
                f"{'':<{_WIDTH + 7}}{escape(finding.advice)}", highlight=False, soft_wrap=True
            )
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings], indent=1))
    return all(finding.state != "fail" for finding in findings)
