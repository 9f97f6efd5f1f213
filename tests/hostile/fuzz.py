"""Coverage-guided fuzzing of the decoders: ``python -m tests.hostile.fuzz TARGET [--runs N] [libFuzzer's options]``.

Needs ``pip install -e '.[fuzz]'`` (atheris, for Linux with glibc). It ends with the number of executions and the most
memory that the process had. Whatever is neither returned nor refused ends it, with the input in a file: give that a
place in ``GOLDEN`` of ``tests/hostile/test_lies.py``.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["farptr"]):
    from tests.hostile import cores, targets

TARGETS = targets.TARGETS | cores.CORES

MEMORY_BYTES = 1 << 30
"""Of address space, beyond what the interpreter, NumPy and the fuzzer have before they begin."""


def main() -> None:
    """Fuzz one target for ever, or for so many executions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--runs", type=int, default=-1)
    parser.add_argument("--corpus", type=Path, help="a directory to keep what is found; none by default")
    given, more = parser.parse_known_args()
    corpus = given.corpus or Path(tempfile.mkdtemp(prefix="farptr-fuzz-"))
    corpus.mkdir(exist_ok=True, parents=True)
    for i, seed in enumerate(targets.seeds(given.target) if given.target in targets.TARGETS else []):
        (corpus / f"seed-{i}").write_bytes(seed)
    options = [
        sys.argv[0],
        f"-runs={given.runs}",
        "-max_len=2048",
        "-timeout=10",
        "-rss_limit_mb=600",
        *more,
        str(corpus),
    ]
    atheris.Setup(options, lambda data: targets.run_one(TARGETS[given.target], data))
    size_bytes = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size_bytes + MEMORY_BYTES, resource.RLIM_INFINITY))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
