"""The documentation says what is: made pages are fresh, links lead somewhere, commands and settings exist."""

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import click
import pytest

from tidings.app.cli import tidings
from tidings.app.config import sections

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SHORT = re.compile(r"`(tidings [^`\n]+)`")
_SETTING = re.compile(r"\bTIDINGS_([A-Z0-9]+(?:_[A-Z0-9]+)*)__([A-Z0-9]+(?:_[A-Z0-9]+)*)")
_ELLIPSIS = re.compile(r"…|\.\.\.|\||\*")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("statuses", ROOT / "scripts" / "statuses.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_statuses_is_what_the_code_says() -> None:
    made = generator()
    assert made.PAGE.read_text() == made.document(), "docs/statuses.md is stale: make docs"


def test_every_row_of_the_bench_is_explained() -> None:
    spec = importlib.util.spec_from_file_location("rows", ROOT / "bench" / "rows.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["rows"] = module  # dataclasses look there
    spec.loader.exec_module(module)
    page = (ROOT / "docs" / "performance.md").read_text()
    assert [row for row in module.ROWS if f"`{row}`" not in page] == []


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    assert [link for link in _LINK.findall(page.read_text()) if not leads_somewhere(page, link)] == []


def leads_somewhere(page: Path, link: str) -> bool:
    if link.startswith(("https://", "mailto:")):
        return True
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    return target.exists() and (not anchor or anchor in anchors(target))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_exist_as_they_are_written(page: Path) -> None:
    wrong = [(line, what) for line in commands(page.read_text()) if (what := trouble(line))]
    assert wrong == []


def commands(text: str) -> Iterator[str]:
    """Every call of `tidings` and `make` in a block or between backticks."""
    for block in _FENCE.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            plain = re.sub(r"^(\$ )?(\w+=\S+ )*", "", line.strip())
            if plain.startswith(("tidings ", "make ")):
                yield plain.partition("  #")[0]
    for line in _SHORT.findall(text):
        yield line


def trouble(line: str) -> str | None:
    """What is wrong with a command line; None if nothing is."""
    words = shlex.split(_ELLIPSIS.split(line)[0], comments=True)
    if words[0] == "make":
        return (
            None
            if re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            else "no target"
        )
    command: click.Command = tidings
    context = click.Context(command)
    rest = [word for word in words[1:] if word != "--json"]
    if rest[:1] == ["--config"]:
        rest = rest[2:]
    while rest and isinstance(command, click.Group) and not rest[0].startswith("-"):
        inner = command.get_command(context, rest[0])
        if inner is None:
            return f"no command {rest[0]}"
        command, rest = inner, rest[1:]
    known = {"--help", *(name for one in command.params for name in (*one.opts, *one.secondary_opts))}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
    return f"no option {unknown}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_settings_exist(page: Path) -> None:
    shape = sections()
    for section, key in _SETTING.findall(page.read_text()):
        if (section, key) == ("SECTION", "KEY") or (section, key) == ("SECTION", "KEY_FILE"):
            continue
        keys = shape[section.lower()].__struct_fields__
        assert key.lower().removesuffix("_file") in keys or key.lower() in keys, f"{section}__{key}"


def test_what_is_looked_for_would_be_found() -> None:
    text = "```\nA=b tidings price set acme --nothing\nmake nothing\n```\nand `tidings nothing`, `tidings doctor --all`"
    assert [trouble(line) for line in commands(text)] == [
        "no option ['--nothing']",
        "no target",
        "no command nothing",
        None,
    ]
    assert leads_somewhere(ROOT / "README.md", "docs/statuses.md#reasons")
    assert not leads_somewhere(ROOT / "README.md", "docs/nothing.md")
    assert not leads_somewhere(ROOT / "README.md", "docs/statuses.md#nothing")
