"""Makes the description that a package index shows of ``README.md``: links and pictures there are relative to the
repository, and an index has only this one file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

FENCE = "```"
LINK = re.compile(r"(?P<picture>!?)\[(?P<label>[^\]]*)\]\((?P<target>[^)\s]+)\)")
ABSOLUTE = re.compile(r"[a-z]+:")


class DescriptionHook(MetadataHookInterface):
    """Sets the field ``readme``."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling before it builds."""
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": description(text, metadata.get("urls", {}))}


def description(readme: str, urls: Mapping[str, str]) -> str:
    """The README with absolute links, below the repository that ``urls`` names; without one, paths in its text."""
    repository, fenced, lines = urls.get("Repository", "").rstrip("/"), False, []
    for line in readme.splitlines():
        fenced ^= line.startswith(FENCE)
        lines.append(line if fenced else LINK.sub(lambda link: absolute(link, repository), line))
    return "\n".join(lines) + "\n"


def absolute(link: re.Match[str], repository: str) -> str:
    """A link or a picture as the description has it."""
    picture, label, target = link["picture"], link["label"], link["target"]
    if ABSOLUTE.match(target):
        return link[0]
    if target.startswith("#"):
        # An index gives headings no names.
        return label
    if repository:
        return f"{picture}[{label}]({repository}/{'raw' if picture else 'blob'}/main/{target})"
    if picture:
        return ""
    path = target.partition("#")[0]
    return label if label.strip("`") == path else f"{label}: `{path}`"
