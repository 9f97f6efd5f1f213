"""The pages agree with the code, with the tests and with each other, as far as text can tell."""

import re
import runpy
from pathlib import Path

import pytest

from farptr import __version__
from farptr.protocol.errors import ERRORS

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("docs/*.md")), ROOT / "examples" / "README.md"]
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
FILE = re.compile(r"`((?:farptr|tests|docs|scripts|examples|benchmarks)/[\w./]+\.\w+)`")
FENCES = re.compile(r"^```.*?^```$", re.M | re.S)


def script(name):
    return runpy.run_path(str(ROOT / "scripts" / name))


def test_errors_md_is_up_to_date():
    made = script("make_errors_doc.py")
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"](), "run scripts/make_errors_doc.py"


def test_the_list_of_operations_is_up_to_date():
    made = script("make_operations_doc.py")
    text = made["PAGE"].read_text(encoding="utf-8")
    assert text == made["with_list"](text), "run scripts/make_operations_doc.py"


def test_the_reference_of_the_command_line_is_up_to_date():
    made = script("make_cli_doc.py")
    text = made["PAGE"].read_text(encoding="utf-8")
    assert text == made["with_reference"](text), "run scripts/make_cli_doc.py"


def test_error_codes_are_unique_and_stable_in_their_families():
    codes = {cls.code for cls in ERRORS.values()}
    assert len(codes) == len(ERRORS)
    for cls in ERRORS.values():
        parent = cls.__mro__[1]
        if parent.__name__ in ("UsageError", "RunError"):
            assert cls.code // 100 == parent.code // 100, cls


def test_every_error_says_what_it_means():
    assert all(cls.__doc__ and "code" in vars(cls) for cls in ERRORS.values())


def anchors(page):
    """What links may name of a page: its headings, as GitHub spells them."""
    text = FENCES.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    text = FENCES.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_tests_and_files_that_are_named_exist(page):
    text = page.read_text(encoding="utf-8")
    for path, name in TEST.findall(text):
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"
    for path in FILE.findall(text):
        assert (ROOT / path).exists(), path


def test_modules_that_the_design_names_exist():
    """In the table of §2: ``package/module``, and then modules of the same package."""
    rows = [line for line in (ROOT / "docs" / "design.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    named = 0
    for row in rows:
        package = ""
        for name in re.findall(r"`([\w/]+)`", row):
            package, module = name.split("/") if "/" in name else (package, name)
            assert (ROOT / "farptr" / package / f"{module}.py").exists(), (package, module)
            named += 1
    assert named > 20


def test_the_design_lists_every_package():
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^      (\w+)/  ", text, re.M))
    assert listed == {path.parent.name for path in (ROOT / "farptr").glob("*/__init__.py")}


def test_the_changelog_knows_this_version():
    assert __version__ in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
