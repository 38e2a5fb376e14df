"""House rules as functions over source text. Each decides by path where it applies, and yields offences."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

LONGEST_FUNCTION = 60
LONGEST_FILE = 450

Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Offence(NamedTuple):
    """Where a rule is broken, and by what."""

    path: str
    line: int
    what: str


@dataclass(frozen=True)
class Source:
    """One file of the repository, by its path from the root."""

    path: str
    text: str

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(ast.parse(self.text))) if self.is_python else []

    @cached_property
    def docstrings(self) -> set[int]:
        """The ids of the strings that stand alone: prose, not data."""
        return {id(node.value) for node in self.nodes if isinstance(node, ast.Expr)}

    def within(self, *places: str) -> bool:
        return any(self.path == place or self.path.startswith(f"{place}/") for place in places)

    def offence(self, line: int, what: str) -> Offence:
        return Offence(self.path, line, what)


Rule = Callable[[Source], Iterator[Offence]]


def sources(root: Path) -> list[Source]:
    """Every Python and SQL file of the product and its tests."""
    found = [path for top in ("src", "tests") for path in sorted((root / top).rglob("*"))]
    return [
        Source(path.relative_to(root).as_posix(), path.read_text())
        for path in found
        if path.suffix in {".py", ".sql"} and ".mypy_cache" not in path.parts
    ]


# --- Names and sizes

_DRAWERS = re.compile(r"(^|_)(utils?|helpers?|common|misc)$")


def no_junk_drawers(source: Source) -> Iterator[Offence]:
    """A file is named for what it does."""
    for part in PurePosixPath(source.path).parts if source.within("src") else ():
        if _DRAWERS.search(part.removesuffix(".py").lower()):
            yield source.offence(1, part)


def small_files(source: Source) -> Iterator[Offence]:
    """A file that needs more lines holds two ideas."""
    lines = source.text.count("\n")
    if source.within("src") and source.is_python and lines > LONGEST_FILE:
        yield source.offence(1, f"{lines} lines")


def small_functions(source: Source) -> Iterator[Offence]:
    """A function that needs more lines does two things."""
    for node in source.nodes if source.within("src") else ():
        if isinstance(node, Function):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield source.offence(node.lineno, f"{node.name} has {lines} lines")


# --- SQL

# The shape of statements rather than their first words: help texts also select, update and delete.
_TABLE = r"[\w.\"{}]+"
_SQL = re.compile(
    r"\b(?-i:select|SELECT)\b[^;]+\b(?-i:from|FROM)\s+(?!(the|a|an|your|its)\b)[\w(\"{]"
    r"|^\s*select\s+(\d|\w+\()"
    rf"|\binsert\s+into\s+{_TABLE}\s*(\(|select|values|default)"
    rf"|\bupdate\s+(only\s+)?{_TABLE}\s+(as\s+\w+\s+|\w+\s+)?set\s+\w+\s*="
    rf"|\bdelete\s+from\s+{_TABLE}(\s+(where|using|returning)\b|\s*;?\s*$)"
    r"|^\s*(create|alter|drop)\s+(unlogged\s+)?(table|index|type|sequence|schema|database)\s+\w"
    r"|^\s*truncate\s+(table\s+)?\w+\s*;?\s*$",
    re.IGNORECASE,
)


def sql_lives_in_the_store(source: Source) -> Iterator[Offence]:
    """All SQL is in one place, so that a schema change has one place to look."""
    if source.within("src") and not source.within("src/tidings/store"):
        for line, text in _data_strings(source):
            if _SQL.search(text):
                yield source.offence(line, text[:60])


_SHRUG = re.compile(r"\bon\s+conflict\b[^;]*?\bdo\s+nothing\b", re.IGNORECASE)
_LEDGER = re.compile(r"\bledger\b", re.IGNORECASE)


def the_ledger_never_shrugs(source: Source) -> Iterator[Offence]:
    """A conflict in the ledger is a bug, and a statement that ignores it only hides the bug."""
    if not source.within("src"):
        return
    texts = _data_strings(source) if source.is_python else [(1, source.text)]
    for line, text in texts:
        for statement in text.split(";"):
            if _LEDGER.search(statement) and _SHRUG.search(statement):
                yield source.offence(line, statement.strip()[:60])


# --- Layers that imports cannot show

_VENDOR = re.compile(r"infobip|(^|[^a-z])bsg", re.IGNORECASE)


def vendors_stay_in_their_dialects(source: Source) -> Iterator[Offence]:
    """A vendor's name outside its dialect is the beginning of an `if` on it. The flows and the store do not
    even mention one; elsewhere a comment may."""
    if not source.within("src") or source.within("src/tidings/dialects", "src/tidings/app"):
        return
    if source.within("src/tidings/flows", "src/tidings/store"):
        words = list(enumerate(source.text.splitlines(), 1))
    else:
        words = [*_identifiers(source), *_strings(source)]
    allowed = _dialect_enum(source)
    for line, word in words:
        if _VENDOR.search(word) and line not in allowed:
            yield source.offence(line, word.strip()[:60])


def _dialect_enum(source: Source) -> range:
    """The lines of the one list of dialects."""
    for node in source.nodes if source.path == "src/tidings/domain/order.py" else ():
        if isinstance(node, ast.ClassDef) and node.name == "Dialect":
            return range(node.lineno, (node.end_lineno or node.lineno) + 1)
    return range(0)


_IMPURE = {"asyncio", "logging", "os", "random", "secrets", "socket", "time", "uuid"}
_CLOCKS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic"}


def the_domain_is_pure(source: Source) -> Iterator[Offence]:
    """Values and rules: nothing to await, no chance, no outside."""
    for node in source.nodes if source.within("src/tidings/domain") else ():
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            yield source.offence(node.lineno, "waits")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for module in _modules(node):
                if module.split(".")[0] in _IMPURE:
                    yield source.offence(node.lineno, f"imports {module}")


def time_is_passed_in(source: Source) -> Iterator[Offence]:
    """Rules and use cases ask a clock that a test can own."""
    for node in source.nodes if source.within("src/tidings/domain", "src/tidings/flows") else ():
        if isinstance(node, ast.Call):
            name = ".".join(_dotted(node.func).split(".")[-2:])
            if name in _CLOCKS:
                yield source.offence(node.lineno, f"{name}()")


# --- Money

_MONEY = re.compile(r"(^|_)(amount|balance|charge|charged|cost|credit|held|money|price|units)(_|$)")


def money_is_never_a_float(source: Source) -> Iterator[Offence]:
    """A name that says money is not annotated as a float nor turned into one."""
    for node in source.nodes if source.within("src") else ():
        if isinstance(node, ast.Call) and _dotted(node.func) == "float":
            names = [_dotted(argument).split(".")[-1] for argument in node.args]
            kind = "float(...)"
        else:
            names, kind = _float_names(node), "float"
        for name in names:
            if _MONEY.search(name.lower()):
                yield source.offence(getattr(node, "lineno", 1), f"{name}: {kind}")


def _float_names(node: ast.AST) -> list[str]:
    """What this node declares to be a float."""
    if isinstance(node, ast.AnnAssign):
        name, annotation = _dotted(node.target).split(".")[-1], node.annotation
    elif isinstance(node, ast.arg) and node.annotation:
        name, annotation = node.arg, node.annotation
    elif isinstance(node, Function) and node.returns:
        name, annotation = node.name, node.returns
    else:
        return []
    floats = any(isinstance(one, ast.Name) and one.id == "float" for one in ast.walk(annotation))
    return [name] if floats else []


# --- Tests


def tests_wait_for_signals(source: Source) -> Iterator[Offence]:
    """A test that sleeps is slow on a good day and wrong on a bad one."""
    for node in source.nodes if source.within("tests") else ():
        if not isinstance(node, ast.Call) or _dotted(node.func).split(".")[-1] != "sleep":
            continue
        spans = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(isinstance(span, ast.Constant) and span.value for span in spans):
            yield source.offence(node.lineno, ast.unparse(node))


RULES: list[Rule] = [
    no_junk_drawers,
    small_files,
    small_functions,
    sql_lives_in_the_store,
    the_ledger_never_shrugs,
    vendors_stay_in_their_dialects,
    the_domain_is_pure,
    time_is_passed_in,
    money_is_never_a_float,
    tests_wait_for_signals,
]


# --- Reading Python


def _strings(source: Source) -> Iterator[tuple[int, str]]:
    """Every string, pieces of f-strings included."""
    for node in source.nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _data_strings(source: Source) -> Iterator[tuple[int, str]]:
    """Every string that is not a docstring; an f-string whole, with `{}` for what is filled in."""
    formatted = [node for node in source.nodes if isinstance(node, ast.JoinedStr)]
    passed_over = source.docstrings | {id(piece) for one in formatted for piece in ast.walk(one)}
    for node in source.nodes:
        if isinstance(node, ast.JoinedStr):
            pieces = (one.value if isinstance(one, ast.Constant) else "{}" for one in node.values)
            yield node.lineno, "".join(map(str, pieces))
        elif id(node) not in passed_over and isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _identifiers(source: Source) -> Iterator[tuple[int, str]]:
    """Every name that the file defines, imports or uses."""
    for node in source.nodes:
        if isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, Named):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg | ast.keyword):
            yield node.lineno, node.arg or ""
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, name) for name in _modules(node))


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The dotted names an import brings, aliases included."""
    base = f"{node.module or ''}." if isinstance(node, ast.ImportFrom) else ""
    return [f"{base}{alias.name}" for alias in node.names] + [one.asname for one in node.names if one.asname]


def _dotted(node: ast.AST) -> str:
    """`a.b.c` of a chain of names; what is not a name is left out."""
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""
