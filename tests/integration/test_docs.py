"""What the pages show is what happens: their examples run, on real processes.

Ids differ from run to run. A page shows ids as some run had them; here each id of this run must stand for one id of the
page, in the whole page, so that two ids that are alike on the page are alike.
"""

import contextlib
import doctest
import io
import itertools
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from farptr.cli import cli
from tests.array_api import needs_numpy

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "examples" / "README.md", *sorted(ROOT.glob("docs/*.md"))]
NAMES = {page: page.relative_to(ROOT).as_posix() for page in PAGES}
README = ROOT / "README.md"
ID = re.compile(r"\b\d{11}\b")
RAISED = re.compile(r"(?:[\w.]+\.)?([A-Z]\w+: )")
"""The last line of a traceback, with or without the module."""
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
INSTALLING = re.compile(r"\bpip\b")
EXACT = {"tutorial"}
"""Pages whose program has a seed, so that the ids are the same in every run."""

# Which test holds the blocks of each page, by their language. A page or a language that is not here is not run.
_HERE = "tests/integration/test_docs.py"
_PROMPTS = f"{_HERE}::test_prompts_answer_as_shown"
_LEGAL = f"{_HERE}::test_command_lines_are_legal"
_ON_3G = "tests/integration/test_demo.py::test_the_page_on_clocks_shows_what_the_example_prints"
_README = f"{_HERE}::test_the_readme_prints_what_it_shows"
_STEPS = "tests/integration/test_quickstart.py::test_files_and_commands_do_what_the_page_shows"
_SUITES = "tests/integration/test_pytest_plugin.py::test_the_snippets_do_what_the_page_says"
_CELLS = "tests/integration/test_notebook_docs.py::test_each_cell_shows_what_the_page_says"
_MANUAL = "tests/unit/test_docs.py::test_the_reference_of_the_command_line_is_up_to_date"
_SYFT = "tests/syft/test_page.py::test_prompts_answer_as_shown"
_ARRAY_API = "tests/array_api/test_page.py::test_the_example_prints_what_the_page_shows"
HELD = {
    "README.md": {"python": _README, "text": _README, "bash": f"{_HERE}::test_the_readmes_commands_run"},
    "CONTRIBUTING.md": {"bash": f"{_HERE}::test_installing_is_what_the_readme_says"},
    "examples/README.md": {},
    "docs/README.md": {},
    "docs/array-api.md": {"pycon": _PROMPTS, "python": _ARRAY_API, "text": _ARRAY_API},
    "docs/cli.md": {"bash": _LEGAL, "text": _MANUAL},
    "docs/clocks.md": {"pycon": _PROMPTS, "bash": _LEGAL, "text": _ON_3G},
    "docs/design.md": {},
    "docs/errors.md": {},
    "docs/migrating-from-pysyft.md": {"pycon": _SYFT},
    "docs/functions.md": {"pycon": _PROMPTS},
    "docs/jupyter.md": {"python": _CELLS, "text": _CELLS},
    "docs/journal.md": {"pycon": _PROMPTS, "bash": _LEGAL},
    "docs/keys.md": {"bash": _LEGAL},
    "docs/ledger.md": {"pycon": _PROMPTS, "bash": _LEGAL},
    "docs/network.md": {
        "pycon": _PROMPTS,
        "bash": _LEGAL,
        "toml": "tests/unit/network/test_units.py::test_the_pages_file",
    },
    "docs/numpy.md": {"pycon": _PROMPTS},
    "docs/performance.md": {"bash": f"{_HERE}::test_programs_that_pages_name_exist"},
    "docs/protocol.md": {},
    "docs/pytest.md": {"python": _SUITES, "ini": _SUITES, "text": _SUITES},
    "docs/quickstart.md": {"pycon": _PROMPTS, "python": _STEPS, "bash": _STEPS, "text": _STEPS},
    "docs/reliability.md": {},
    "docs/semantics.md": {"pycon": _PROMPTS},
    "docs/threat-model.md": {},
    "docs/tutorial.md": {"pycon": _PROMPTS},
    "docs/when-not-to-use.md": {},
}


def fences(page, *languages):
    """(language, text, line number) of each fenced block, of some languages or all."""
    text = page.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if not languages or match[1] in languages:
            yield match[1], match[2], text.count("\n", 0, match.start()) + 1


class Ids:
    """Which id of this run stands for which id of the page."""

    def __init__(self):
        self.pages, self.ours = {}, {}

    def translated(self, want, got):
        """What we got, with the page's ids; one that would stand for two stays as it is, and does not match."""
        for theirs, mine in zip(ID.findall(want), ID.findall(got), strict=False):
            if self.pages.setdefault(mine, theirs) != theirs or self.ours.setdefault(theirs, mine) != mine:
                return got
        return ID.sub(lambda match: self.pages.get(match[0], match[0]), got)


class Checker(doctest.OutputChecker):
    """Ids as above. Of an error a page shows the class without its module, and how the message begins."""

    def __init__(self, *, exact=False):
        self._ids = None if exact else Ids()

    def check_output(self, want, got, optionflags):
        got = got.expandtabs()  # as doctest does to the page
        if RAISED.match(want):
            want, got = f"{want.rstrip()}...\n", RAISED.sub(r"\1", got, count=1)
        return super().check_output(want, self._ids.translated(want, got) if self._ids else got, optionflags)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A directory of its own to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# ---------------------------------------------------------------- every block is held


def test_every_block_of_every_page_is_held_by_a_test():
    used = {NAMES[page]: {language for language, _, _ in fences(page)} for page in PAGES}
    assert used == {name: set(held) for name, held in HELD.items()}
    for path, name in {tuple(test.split("::")) for held in HELD.values() for test in held.values()}:
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{path}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES.get)
def test_fences_are_closed_and_say_their_language(page):
    """Else a block would be text, or text a block, and none of these tests would see it."""
    marks = re.findall(r"^\s*(```.*)$", page.read_text(encoding="utf-8"), re.M)
    assert marks[1::2] == ["```"] * (len(marks) // 2)
    assert len(marks) % 2 == 0
    assert [mark[3:] for mark in marks[::2]] == [language for language, _, _ in fences(page)]


# ---------------------------------------------------------------- prompts


def prompts(page):
    examples = []
    for _, text, line in fences(page):
        if ">>> " in text:
            for example in doctest.DocTestParser().get_examples(text):
                example.lineno += line
                examples.append(example)
    return examples


_NEEDS = {"docs/array-api.md": needs_numpy}
_PROMPTING = [
    pytest.param(page, id=NAMES[page], marks=_NEEDS.get(NAMES[page], ()))
    for page in PAGES
    if HELD[NAMES[page]].get("pycon") == _PROMPTS
]


@pytest.mark.parametrize("page", _PROMPTING)
def test_prompts_answer_as_shown(page, folder):
    check_prompts(page)


def check_prompts(page):
    scope = {"__name__": "__main__"}
    test = doctest.DocTest(prompts(page), scope, page.name, str(page), 0, None)
    runner = doctest.DocTestRunner(Checker(exact=page.stem in EXACT), optionflags=doctest.ELLIPSIS, verbose=False)
    report = io.StringIO()
    try:
        failed, tried = runner.run(test, out=report.write, clear_globs=False)
    finally:
        _close_runs(scope)
    assert tried
    assert not failed, report.getvalue()


def _close_runs(scope):
    from farptr.client.run import Run

    for value in list(scope.values()):
        if isinstance(value, Run):
            value.close()
    scope.clear()


# ---------------------------------------------------------------- the README


def test_the_readme_prints_what_it_shows(folder):
    """Its blocks of Python, one after the other; the block of text behind one is its output."""
    blocks = [*fences(README), ("", "", 0)]
    scope, ids, shown = {}, Ids(), 0
    for (language, code, _), (following, want, line) in itertools.pairwise(blocks):
        if language != "python":
            continue
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, "example.py", "exec"), scope)
        if following == "text":
            shown += 1
            assert ids.translated(want, out.getvalue()) == want, f"README.md:{line}"
    assert shown


def test_the_first_example_has_twelve_lines():
    _, code, _ = next(fences(README, "python"))
    assert len([line for line in code.splitlines() if line.strip()]) == 12


def test_the_readme_has_two_set_up_commands():
    """The first does the main job, the second passes the tests; whoever automates this reads exactly these."""
    text = [code.strip() for _, code, _ in fences(README, "bash") if "pip" in code]
    assert text == ["pip install '.[demo]' && farptr demo", "pip install -e '.[dev]' && pytest"]


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) < 200


# ---------------------------------------------------------------- command lines


def command_lines(page):
    """Every farptr command in a page's blocks for a shell."""
    for _, text, _ in fences(page, "bash", "console", "sh"):
        for line in text.splitlines():
            for part in re.split(r"&&|\|\|?", line.split("#")[0]):
                words = shlex.split(part)
                if words and words[0] == "farptr":
                    yield words[1:]


def parse(words):
    """Parse a command line as ``farptr`` does, and run nothing; raises for a wrong one."""
    command, path = cli, "farptr"
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name, *words = words
        assert name in command.commands, f"{path} has no command {name}"
        command, path = command.commands[name], f"{path} {name}"
    command.make_context(path, list(words))


LINES = [(page.name, tuple(words)) for page in PAGES for words in command_lines(page)]


@pytest.mark.parametrize(("page", "words"), LINES, ids=[f"{page}-{' '.join(words)}" for page, words in LINES])
def test_command_lines_are_legal(page, words):
    parse(words)


def test_the_check_of_command_lines_sees_a_wrong_one():
    assert LINES
    with pytest.raises(click.UsageError):
        parse(["up", "--nonsense"])
    with pytest.raises(AssertionError):
        parse(["upp"])


def test_the_readmes_commands_run(folder, runtime_dir):
    """All blocks that start a run and end it."""
    import numpy as np

    np.savez("shard0.npz", x=np.ones(3))
    blocks = [text for _, text, _ in fences(README, "bash") if "farptr up" in text]
    assert blocks
    for text in blocks:
        script = f'set -e\nfarptr() {{ {shlex.quote(sys.executable)} -m farptr "$@"; }}\n{text}'
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "run default has ended" in done.stdout


# ---------------------------------------------------------------- other programs


def shell_lines(page):
    for _, text, _ in fences(page, "bash", "console", "sh"):
        yield from text.splitlines()


def test_installing_is_what_the_readme_says():
    """Its two commands are run by .ci/run; other pages may shorten them, or say how to make an environment."""
    known = {"python -m venv .venv && . .venv/bin/activate", "pip install '.[demo]'"}
    known |= {line for line in shell_lines(README) if INSTALLING.search(line)}
    found = [line for page in PAGES for line in shell_lines(page) if INSTALLING.search(line) or "venv" in line]
    assert set(found) == known


def test_programs_that_pages_name_exist():
    named = [line.split("#")[0].split() for page in PAGES for line in shell_lines(page)]
    programs = [words[1:] for words in named if words[:1] == ["python"] and "/" in words[1]]
    assert programs
    for path, *options in programs:
        text = (ROOT / path).read_text(encoding="utf-8")
        assert all(option in text for option in options), (path, options)
    assert all((ROOT / words[0]).exists() for words in named if words and words[0].startswith("scripts/"))


# ---------------------------------------------------------------- the pictures


def test_the_pictures_show_runs():
    """Drawn again, they are the same, byte for byte: the seeds fix the ids."""
    script = runpy.run_path(str(ROOT / "docs" / "pictures" / "make.py"))
    drawn = {path.name: text for path, text in script["pictures"]().items()}
    there = {path.name: path.read_text(encoding="utf-8") for path in ROOT.glob("docs/pictures/*.svg")}
    assert len(drawn) > 1
    assert drawn == there, "run docs/pictures/make.py"
