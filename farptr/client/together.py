"""Several answers at once: ``fp.gather`` and ``sim.map``.

Laws
    1. Every question leaves before any answer is awaited.
    2. Nobody is told of a failure before all answers are in.
    3. A handle is used up when its value is handed over, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any

from farptr.client.faces import bare, came, can_come
from farptr.client.futures import Future, fetch
from farptr.client.multi import MultiPointer
from farptr.client.pointer import Pointer
from farptr.client.session import DEFAULT_TIMEOUT
from farptr.client.workers import Worker
from farptr.protocol.errors import FarptrError, SeveralFailed, UsageError

if TYPE_CHECKING:
    from farptr.client.run import Run


def gather(
    pointers: Iterable[Any],
    *,
    all: bool = False,
    timeout: float | None = DEFAULT_TIMEOUT,
    return_exceptions: bool = False,
) -> list[Any]:
    """``get()`` of several pointers at once: every worker is asked, then all answers are awaited; in order.

    Args:
        pointers: pointers, MultiPointers (each gives a list), and futures of ``get_async``; of one run or of several.
        all: as for ``get``: the data at the end of each chain.
        timeout: seconds, for each pointer, without an answer and without progress.
        return_exceptions: put an error where its value would be. Else one is raised as itself, several as
            SeveralFailed, when all answers are in; then no handle is used up.

    For ``asyncio`` there is ``await asyncio.gather(p.get_async(), q.get_async())``.
    """
    asked = list(pointers)
    plain = [bare(p) if can_come(p) else p for p in asked]
    parts = list(_parts(plain))
    outcomes = _outcomes([_asked(part, all, timeout) for part in parts], parts)
    errors = [error for error, _ in outcomes if error is not None]
    try:
        if errors and not return_exceptions:
            raise _together(errors)
        _use_up([p for p, (error, _) in zip(parts, outcomes, strict=True) if error is None])
        found = iter([value if error is None else error for error, value in outcomes])
    finally:
        del errors, outcomes  # an error whose traceback leads to itself would keep what the callers own
    each = [[next(found) for _ in p.pointers] if isinstance(p, MultiPointer) else next(found) for p in plain]
    return [came(p, value) for p, value in zip(asked, each, strict=True)]


def _parts(asked: Iterable[Any]) -> Iterator[Pointer | Future]:
    for one in asked:
        if isinstance(one, MultiPointer):
            yield from one.pointers
        elif isinstance(one, Pointer | Future):
            yield one
        else:
            raise UsageError(
                f"a {type(one).__name__} is no pointer", hint="fp.gather([p, q]), with pointers or futures"
            )


def _asked(part: Pointer | Future, all: bool, timeout: Any) -> Future | FarptrError:
    """The future of one, or why there is none."""
    if isinstance(part, Future):
        return part
    try:
        return fetch(part, all=all, keep=True, timeout=timeout, watched=False)
    except FarptrError as error:
        return error.with_traceback(None)


def _outcomes(futures: list[Future | FarptrError], parts: list[Pointer | Future]) -> list[tuple[Any, Any]]:
    """(error, value) of each; what was asked for here is given up when this is interrupted."""
    try:
        for session in {id(p._session): p._session for p in parts if isinstance(p, Pointer)}.values():
            if session.usable:
                session.flush()
        return [_outcome(future) for future in futures]
    except BaseException:
        for future, part in zip(futures, parts, strict=True):
            if isinstance(future, Future) and future is not part:
                future.cancel()
        raise


def _outcome(future: Future | FarptrError) -> tuple[BaseException | None, Any]:
    if isinstance(future, FarptrError):
        return future, None
    try:
        error = future.exception()
    except CancelledError as cancelled:
        error = cancelled.with_traceback(None)
    return (None, future.result()) if error is None else (error, None)


def _together(errors: list[BaseException]) -> BaseException:
    ours = [error for error in errors if isinstance(error, FarptrError)]
    if len(errors) == 1 or len(ours) < len(errors):
        return next((error for error in errors if not isinstance(error, FarptrError)), errors[0])
    return SeveralFailed(f"{len(ours)} answers are errors", ours)


def _use_up(parts: list[Pointer | Future]) -> None:
    for pointer in parts:
        if isinstance(pointer, Pointer) and not pointer._spent:
            with pointer._session.command():
                pointer._give_up("it was fetched with gather()")


# ---------------------------------------------------------------- map


def map_workers(
    run: Run, function: Callable[..., Any], workers: Iterable[Worker | str] | None, each: tuple[Iterable[Any], ...]
) -> list[Any]:
    """See ``Run.map``."""
    chosen = [run[w] if isinstance(w, str) else w for w in (run.workers if workers is None else workers)]
    for worker in chosen:
        if not isinstance(worker, Worker) or worker._session is not run._session:
            raise UsageError(f"{worker!r} is no worker of this run", hint="sim.map(f, [julie, toby])")
    columns = [list(values) for values in each]
    for column in columns:
        if len(column) != len(chosen):
            raise UsageError(
                f"{len(column)} values for {len(chosen)} workers", hint="sim.map(f, workers, values): one for each"
            )
    results = []
    for i, worker in enumerate(chosen):
        results.append(_called(function, worker, [column[i] for column in columns]))
        run.flush()  # it starts now
    found = iter(gather([pointer for result in results for pointer in _pointers(result)]))
    return [_replaced(result, found) for result in results]


def _called(function: Callable[..., Any], worker: Worker, values: list[Any]) -> Any:
    """The user's code: Ctrl-C comes at once (``interrupts``)."""
    return function(worker, *values)


def _is_asked_for(result: Any) -> bool:
    return isinstance(result, Pointer | MultiPointer | Future) or can_come(result)


def _pointers(result: Any) -> Iterator[Any]:
    """The pointers and futures in a result: itself, or in lists, tuples and dicts."""
    if _is_asked_for(result):
        yield result
    elif type(result) in (list, tuple):
        for part in result:
            yield from _pointers(part)
    elif type(result) is dict:
        yield from _pointers(list(result.values()))


def _replaced(result: Any, found: Iterator[Any]) -> Any:
    """The result with what was found in the place of each of them."""
    if _is_asked_for(result):
        return next(found)
    if type(result) in (list, tuple):
        return type(result)([_replaced(part, found) for part in result])
    if type(result) is dict:
        return {key: _replaced(part, found) for key, part in result.items()}
    return result
