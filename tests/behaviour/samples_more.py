"""Sample calls, continued: the functions that change their first argument, and those of ``samples_words``' kind."""

from __future__ import annotations

import numpy as np


def _polynomial(name, *args, **kwargs):
    return lambda a: getattr(np, name)(a.r, *args, **kwargs)


FUNCTIONS = {
    "alltrue": [lambda a: np.alltrue(a.b, axis=1)],
    "sometrue": [lambda a: np.sometrue(a.b)],
    "cumproduct": [lambda a: np.cumproduct(a.r)],
    "product": [lambda a: np.product(a.r)],
    "round_": [lambda a: np.round_(a.f, 1)],
    "msort": [lambda a: np.msort(a.f)],
    "in1d": [lambda a: np.in1d(a.k, [0, 3])],
    "trapz": [lambda a: np.trapz(a.v)],
    "asfarray": [lambda a: np.asfarray(a.i)],
    "angle": [lambda a: np.angle(a.c), lambda a: np.angle(a.c, deg=True)],
    "choose": [lambda a: np.choose(a.x, [a.k[:2], [5, 6], 7, 8]), lambda a: np.choose(a.x, [0, 1], mode="clip")],
    "fix": [lambda a: np.fix(a.f)],
    "imag": [lambda a: np.imag(a.c)],
    "real": [lambda a: np.real(a.c)],
    "iscomplex": [lambda a: np.iscomplex(a.c)],
    "isreal": [lambda a: np.isreal(a.c)],
    "isneginf": [lambda a: np.isneginf(a.n), lambda a: np.isneginf(a.c)],
    "isposinf": [lambda a: np.isposinf(a.n)],
    "geomspace": [lambda a: np.geomspace(1, a.z, 4)],
    "empty_like": [lambda a: np.logical_or(np.empty_like(a.f), True), lambda a: np.empty_like(a.i, shape=(0, 2))],
    "lib.stride_tricks.sliding_window_view": [
        lambda a: np.lib.stride_tricks.sliding_window_view(a.s, 3),
        lambda a: np.lib.stride_tricks.sliding_window_view(a.f, (2, 2)),
    ],
    "diag_indices_from": [lambda a: np.diag_indices_from(a.m), lambda a: np.diag_indices_from(a.f)],
    "tril_indices_from": [lambda a: np.tril_indices_from(a.f), lambda a: np.tril_indices_from(a.f, k=1)],
    "triu_indices_from": [lambda a: np.triu_indices_from(a.m)],
    "histogram2d": [lambda a: np.histogram2d(a.v, a.u, bins=3)],
    "histogram_bin_edges": [lambda a: np.histogram_bin_edges(a.f, bins=3)],
    "histogramdd": [
        lambda a: np.histogramdd(a.m, bins=2),
        lambda a: np.histogramdd((a.v, a.u), bins=(2, 3)),
        lambda a: np.histogramdd(sample=a.v, bins=2),
    ],
    "ix_": [lambda a: np.ix_(a.r, [0, 1]), lambda a: np.ix_(a.b[0], a.r), lambda a: np.ix_(a.r)],
    "may_share_memory": [lambda a: np.may_share_memory(a.f, a.f[1:]), lambda a: np.may_share_memory(a.f, a.f + 1)],
    "shares_memory": [lambda a: np.shares_memory(a.f, a.f.T), lambda a: np.shares_memory(a.v[::2], a.v[1::2])],
    "ravel_multi_index": [
        lambda a: np.ravel_multi_index((a.r, [0, 1, 0]), (4, 2)),
        lambda a: np.ravel_multi_index((a.k, a.k), (2, 2)),
    ],
    "unravel_index": [
        lambda a: np.unravel_index(a.k, (2, 2)),
        lambda a: np.unravel_index(a.k, 4),
        lambda a: np.unravel_index(a.k, shape=(2, 2), order="F"),
    ],
    "sort_complex": [lambda a: np.sort_complex(a.c)],
    "unique_all": [lambda a: np.unique_all(a.k)],
    "unique_counts": [lambda a: np.unique_counts(a.i)],
    "unique_inverse": [lambda a: np.unique_inverse(a.k)],
    "unique_values": [lambda a: np.sort(np.unique_values(a.k))],
    "poly": [lambda a: np.poly(a.r), lambda a: np.poly(a.m)],
    "polyadd": [_polynomial("polyadd", [1, 2])],
    "polyder": [_polynomial("polyder"), _polynomial("polyder", m=2)],
    "polydiv": [_polynomial("polydiv", [1.0, 2.0])],
    "polyint": [_polynomial("polyint")],
    "polymul": [_polynomial("polymul", [1, 2])],
    "polysub": [_polynomial("polysub", [1, 2])],
    "roots": [lambda a: np.roots(a.r)],
    "polynomial.polynomial.polygrid2d": [lambda a: np.polynomial.polynomial.polygrid2d(a.v, a.u, a.m)],
    "polynomial.polynomial.polyval2d": [lambda a: np.polynomial.polynomial.polyval2d(a.v, a.u, a.m)],
    "polynomial.polynomial.polyvalnd": [lambda a: np.polynomial.polynomial.polyvalnd((a.v, a.u), a.m)],
    "busday_count": [lambda a: np.busday_count(a.d[2], a.d[0])],
    "busday_offset": [lambda a: np.busday_offset(a.d[2], 3, roll="forward"), lambda a: np.busday_offset(a.d, 1)],
    "is_busday": [lambda a: np.is_busday(a.d), lambda a: np.is_busday(a.d, weekmask="Sat Sun")],
    "datetime_as_string": [lambda a: np.datetime_as_string(a.d), lambda a: np.datetime_as_string(a.d, unit="M")],
    "linalg.cross": [lambda a: np.linalg.cross(a.r, [3, 1, 2])],
    "linalg.diagonal": [lambda a: np.linalg.diagonal(a.m, offset=1)],
    "linalg.matmul": [lambda a: np.linalg.matmul(a.m, a.m)],
    "linalg.matrix_norm": [lambda a: np.linalg.matrix_norm(a.m), lambda a: np.linalg.matrix_norm(a.m, ord=1)],
    "linalg.matrix_transpose": [lambda a: np.linalg.matrix_transpose(a.f)],
    "linalg.outer": [lambda a: np.linalg.outer(a.v, a.u)],
    "linalg.tensordot": [lambda a: np.linalg.tensordot(a.m, a.m, axes=1)],
    "linalg.tensorinv": [lambda a: np.linalg.tensorinv(a.m, ind=1)],
    "linalg.trace": [lambda a: np.linalg.trace(a.m)],
    "linalg.vecdot": [lambda a: np.linalg.vecdot(a.f, a.g)],
    "linalg.vector_norm": [lambda a: np.linalg.vector_norm(a.f, axis=0), lambda a: np.linalg.vector_norm(a.v, ord=1)],
    "emath.arccos": [lambda a: np.emath.arccos(a.f)],
    "emath.arcsin": [lambda a: np.emath.arcsin(a.f)],
    "emath.arctanh": [lambda a: np.emath.arctanh(a.v)],
    "emath.log": [lambda a: np.emath.log(a.v)],
    "emath.log10": [lambda a: np.emath.log10(a.v)],
    "emath.log2": [lambda a: np.emath.log2(a.v)],
    "emath.logn": [lambda a: np.emath.logn(3, a.v)],
    "emath.power": [lambda a: np.emath.power(a.v, 0.5)],
    "emath.sqrt": [lambda a: np.emath.sqrt(a.v), lambda a: np.emath.sqrt(a.s)],
    # By ``like=`` alone.
    "array": [lambda a: np.array([[1, 2], [3, 4]], like=a.f), lambda a: np.array([a.r, a.r], float, like=a.r)],
    "asanyarray": [lambda a: np.asanyarray([1.5], like=a.f)],
    "ascontiguousarray": [lambda a: np.ascontiguousarray(a.f.T, like=a.f)],
    "asfortranarray": [lambda a: np.asfortranarray([[1, 2]], like=a.f)],
    "empty": [lambda a: np.empty((0, 3), like=a.f)],
    "frombuffer": [lambda a: np.frombuffer(b"\1\0\2\0", "<i2", like=a.f)],
    "fromiter": [lambda a: np.fromiter([1, 2, 3], float, like=a.f)],
    "fromstring": [lambda a: np.fromstring("1 2 3", sep=" ", like=a.f)],
    "require": [lambda a: np.require([1, 2], float, "C", like=a.f)],
}


def _of_words(name, *args):
    return [lambda a: getattr(np.char, name)(a.a, *args)]


FUNCTIONS |= {f"char.{name}": _of_words(name) for name in (
    "capitalize", "encode", "expandtabs", "isalnum", "isalpha", "isdecimal", "isdigit", "islower", "isnumeric",
    "isspace", "istitle", "isupper", "lower", "lstrip", "rstrip", "str_len", "strip", "swapcase", "title", "upper",
)} | {f"char.{name}": _of_words(name, "julie") for name in (
    "equal", "not_equal", "greater", "greater_equal", "less", "less_equal",
)} | {f"char.{name}": _of_words(name, "l") for name in (
    "add", "count", "endswith", "find", "index", "partition", "rfind", "rindex", "rpartition", "startswith",
)} | {
    "char.center": _of_words("center", 9, "*"),
    "char.decode": [lambda a: np.char.decode(np.char.encode(a.a))],
    "char.join": [lambda a: np.char.join("-", a.a)],
    "char.ljust": _of_words("ljust", 9),
    "char.lstrip": _of_words("lstrip", "jt"),
    "char.mod": [lambda a: np.char.mod("%d", a.r)],
    "char.multiply": [lambda a: np.char.multiply(a.a, 2)],
    "char.replace": _of_words("replace", "l", "LL"),
    "char.rjust": _of_words("rjust", 7),
    "char.strip": [*_of_words("strip", "ey"), *_of_words("strip")],
    "char.translate": [lambda a: np.char.translate(a.a, "".join(chr(i) for i in range(256)))],
    "char.zfill": _of_words("zfill", 8),
    "strings.multiply": [lambda a: np.strings.multiply(a.a, [1, 2, 3])],
    "strings.partition": [lambda a: np.strings.partition(a.a, "l")],
    "strings.rpartition": [lambda a: np.strings.rpartition(a.a, "i")],
}  # fmt: skip

# Functions in place, by the attribute that they change.
IN_PLACE = {
    "copyto": ("f", [
        lambda x: np.copyto(x, 7), lambda x: np.copyto(dst=x, src=[1, 2, 3, 4], where=[True, False, True, False]),
        lambda x: np.copyto(x, [1, 2, 3]), lambda x: np.copyto(x, 1j),
    ]),
    "fill_diagonal": ("f", [lambda x: np.fill_diagonal(x, -1), lambda x: np.fill_diagonal(a=x, val=[1, 2])]),
    "place": ("i", [lambda x: np.place(x, x > 4, [-1, -2])]),
    "put": ("i", [lambda x: np.put(x, [0, 5], [100, 200]), lambda x: np.put(x, [0, 99], [7, 8])]),
    "put_along_axis": ("f", [lambda x: np.put_along_axis(x, np.array([[0], [1], [2]]), 99, axis=1)]),
    "putmask": ("f", [lambda x: np.putmask(x, x > 1, 0), lambda x: np.putmask(x, [True], 0)]),
}  # fmt: skip

# Functions of shape and dtype, which give something other than arrays.
ABOUT = {
    "can_cast": [lambda a: np.can_cast(a.f, "i4"), lambda a: np.can_cast(a.i, float)],
    "common_type": [lambda a: np.common_type(a.f, a.i), lambda a: np.common_type(a.i, a.c)],
    "einsum_path": [lambda a: np.einsum_path("ij,jk,kl->il", a.m, a.m, a.m, optimize="greedy")],
    "iscomplexobj": [lambda a: (np.iscomplexobj(a.c), np.iscomplexobj(a.f))],
    "isrealobj": [lambda a: (np.isrealobj(a.c), np.isrealobj(a.f))],
    "min_scalar_type": [lambda a: np.min_scalar_type(a.i), lambda a: np.min_scalar_type(a.z)],
    "ndim": [lambda a: np.ndim(a.e)],
    "result_type": [lambda a: np.result_type(a.f, a.i, "f4"), lambda a: np.result_type(a.y, 3)],
    "shape": [lambda a: np.shape(a.e)],
    "size": [lambda a: (np.size(a.e), np.size(a.e, 1))],
}
