"""A worker's own data, from a file: ``.npz`` archives and ``.npy`` arrays, never anything pickled."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from farptr.protocol.errors import LoadFailed, UnsupportedValue
from farptr.protocol.values import checked

_ZIP, _NPY, _PICKLE = (b"PK\x03\x04", b"PK\x05\x06"), b"\x93NUMPY", b"\x80"
_HINT = "np.savez(FILE, x=…, y=…) writes such a file"


def load_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a file by name; a ``.npy`` file's one array is named after the file.

    Raises:
        LoadFailed: the file is missing, broken, holds pickled content or a dtype that cannot travel.
    """
    try:
        _check_kind(path)
        found = np.load(path, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {path.stem: checked(found)}
        with found:
            return {name: checked(found[name]) for name in found.files}
    except FileNotFoundError:
        raise LoadFailed(f"there is no file {path}", hint=_HINT) from None
    except UnsupportedValue as error:
        raise LoadFailed(f"{path} cannot be loaded: {error.message}", hint=error.hint) from None
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        text = str(error)
        if "pickle" in text.lower():
            raise LoadFailed(
                f"{path} holds pickled content, which is code: it is not loaded", hint="save plain arrays with np.savez"
            ) from None
        raise LoadFailed(f"{path} is no readable .npz or .npy file: {text}", hint=_HINT) from None


def _check_kind(path: Path) -> None:
    # np.load takes whatever it does not know for a pickle, and says so; that would be a misleading message.
    with path.open("rb") as file:
        head = file.read(len(_NPY))
    if not head.startswith((*_ZIP, _NPY, _PICKLE)):
        raise ValueError("it is neither")
