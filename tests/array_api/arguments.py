"""Arguments for every function of the standard: strategies of (args, kwargs), with arrays of array-api-strict."""

from __future__ import annotations

import array_api_strict as strict
from hypothesis import strategies as st
from hypothesis.extra import array_api

from farptr.protocol import standard as table

xps = array_api.make_strategies_namespace(strict, api_version=table.VERSION)

SMALL = {"allow_nan": True, "allow_infinity": True, "allow_subnormal": False}
TAME = {"allow_nan": False, "allow_infinity": False, "allow_subnormal": False}

REAL = (strict.float32, strict.float64)
COMPLEX = (strict.complex64, strict.complex128)
INTEGERS = (strict.int8, strict.int32, strict.int64, strict.uint8, strict.uint16)
NUMBERS = (*REAL, *COMPLEX, *INTEGERS)
ORDERED = (*REAL, *INTEGERS)
INEXACT = (*REAL, *COMPLEX)
BOOL = (strict.bool,)
ANY = (*NUMBERS, strict.bool)

SHAPES = xps.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
FILLED = xps.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


@st.composite
def arrays(draw, dtypes=ANY, shapes=FILLED, tame=True, bound=100):
    """An array, of moderate numbers if it is tame."""
    dtype = draw(st.sampled_from(dtypes))
    shape = draw(shapes) if isinstance(shapes, st.SearchStrategy) else shapes
    elements = {} if dtype == strict.bool else _elements(dtype, tame, bound)
    return draw(xps.arrays(dtype, shape, elements=elements))


def _elements(dtype, tame, bound):
    options = TAME if tame else SMALL
    if dtype in COMPLEX:
        width = 64 if dtype == strict.complex64 else 128
        return st.complex_numbers(max_magnitude=bound, width=width, allow_subnormal=False) if tame else options
    if dtype in REAL:
        return {**options, "min_value": -bound, "max_value": bound} if tame else options
    return {"min_value": 0 if strict.iinfo(dtype).min == 0 else -bound, "max_value": bound}


def one(dtypes=ANY, shapes=SHAPES, tame=False, **more):
    """One array."""
    return st.tuples(arrays(dtypes, shapes, tame, **more)).map(lambda args: (args, {}))


@st.composite
def two(draw, dtypes=NUMBERS, tame=False, bound=100, numbers=True):
    """Two arrays of one dtype whose shapes can be broadcast, or an array and a number."""
    dtype = draw(st.sampled_from(dtypes))
    shapes = draw(xps.mutually_broadcastable_shapes(2, max_dims=3, max_side=4)).input_shapes
    pair = tuple(draw(arrays((dtype,), shape, tame, bound)) for shape in shapes)
    if numbers and dtype in (strict.float64, strict.int64) and draw(st.booleans()):
        pair = (pair[0], 3 if dtype == strict.int64 else 2.5)
    return pair, {}


@st.composite
def with_axis(draw, array, *, name="axis", optional=True, **choices):
    """An array with one of its axes as a keyword, and choices for other keywords."""
    x = draw(array)
    axes = st.integers(-x.ndim, x.ndim - 1)
    kwargs = {name: draw(st.none() | axes if optional else axes)}
    kwargs |= {key: draw(st.sampled_from(values)) for key, values in choices.items()}
    return (x,), {key: value for key, value in kwargs.items() if value is not None}


@st.composite
def with_choices(draw, array, **choices):
    """An array, and choices for keywords."""
    return (draw(array),), {key: draw(st.sampled_from(values)) for key, values in choices.items()}


@st.composite
def square(draw, stacked=True, symmetric=False):
    """Matrices that are well conditioned: their diagonal is large."""
    n = draw(st.integers(1, 4))
    shape = draw(st.sampled_from([(n, n), (2, n, n)] if stacked else [(n, n)]))
    x = draw(arrays((strict.float64,), shape, bound=5))
    if symmetric:
        x = (x + strict.matrix_transpose(x)) / 2
    return x + 25 * strict.eye(n)


MATRICES = xps.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=4)


@st.composite
def _concat(draw):
    shape = draw(FILLED)
    dtype = draw(st.sampled_from(ANY))
    parts = [draw(arrays((dtype,), shape)) for _ in range(draw(st.integers(1, 3)))]
    axis = draw(st.integers(-len(shape), len(shape) - 1))
    return (parts,), {"axis": axis}


@st.composite
def _reshape(draw):
    x = draw(arrays())
    return (x, draw(st.sampled_from([(-1,), (x.size,), (x.size, 1), (1, *x.shape)]))), {}


@st.composite
def _take(draw, along=False):
    x = draw(arrays())
    axis = draw(st.integers(0, x.ndim - 1))
    shape = x.shape if along else (3,)
    indices = draw(xps.arrays(strict.int64, shape, elements={"min_value": 0, "max_value": x.shape[axis] - 1}))
    return (x, indices), {"axis": axis}


@st.composite
def _permute(draw):
    x = draw(arrays())
    return (x, tuple(draw(st.permutations(range(x.ndim))))), {}


@st.composite
def _where(draw):
    dtype = draw(st.sampled_from(NUMBERS))
    shape = draw(SHAPES)
    return (draw(arrays(BOOL, shape)), draw(arrays((dtype,), shape)), draw(arrays((dtype,), shape))), {}


@st.composite
def _searchsorted(draw):
    x = strict.sort(draw(arrays((strict.float64,), xps.array_shapes(max_dims=1, min_side=1, max_side=5))))
    return (x, draw(arrays((strict.float64,)))), {"side": draw(st.sampled_from(["left", "right"]))}


@st.composite
def _vectors(draw, size=None, dtypes=NUMBERS):
    n = size or draw(st.integers(1, 5))
    dtype = draw(st.sampled_from(dtypes))
    return (draw(arrays((dtype,), (n,))), draw(arrays((dtype,), (n,)))), {}


@st.composite
def _matmul(draw):
    a, b, c = (draw(st.integers(1, 4)) for _ in range(3))
    dtype = draw(st.sampled_from(NUMBERS))
    return (draw(arrays((dtype,), (a, b))), draw(arrays((dtype,), (b, c)))), {}


@st.composite
def _solve(draw):
    x = draw(square(stacked=False))
    return (x, draw(arrays((strict.float64,), (x.shape[0], 2)))), {}


@st.composite
def _several(draw, one_dimension=False):
    dtype = draw(st.sampled_from(NUMBERS))
    count = draw(st.integers(1, 3))
    if one_dimension:
        shapes = [(n + 1,) for n in range(count)]
    else:
        shapes = draw(xps.mutually_broadcastable_shapes(count, max_dims=2, max_side=3)).input_shapes
    return tuple(draw(arrays((dtype,), shape)) for shape in shapes), {}


def plain(*calls):
    """Calls without arrays."""
    return st.sampled_from([(args, kwargs) for args, kwargs in calls])


def _unary(name):
    if name in ("bitwise_invert",):
        return one((*INTEGERS, strict.bool))
    if name == "logical_not":
        return one(BOOL)
    if name in ("ceil", "floor", "trunc", "signbit"):
        return one(ORDERED if name != "signbit" else REAL)
    if name in ("conj", "real"):
        return one(NUMBERS)
    if name == "imag":
        return one(COMPLEX)
    if name in ("abs", "isfinite", "isinf", "isnan", "negative", "positive", "round", "sign", "square"):
        return one(NUMBERS, tame=name == "sign")
    return one(INEXACT, tame=True, bound=3)


def _binary(name):
    if name in ("bitwise_left_shift", "bitwise_right_shift"):
        return two((strict.int64, strict.uint8), bound=5, numbers=False).filter(_shifts)
    if name.startswith("bitwise"):
        return two((*INTEGERS, strict.bool), numbers=False)
    if name.startswith("logical"):
        return two(BOOL, numbers=False)
    if name in ("add", "subtract", "multiply", "equal", "not_equal"):
        return two(NUMBERS)
    if name in ("divide", "atan2", "copysign", "hypot", "logaddexp", "nextafter"):
        return two(REAL)
    if name == "pow":
        return two(REAL, tame=True, bound=4)
    if name in ("floor_divide", "remainder"):
        return two(REAL, tame=True)
    return two(ORDERED)


def _shifts(found):
    return all(bool(strict.all(x >= 0)) for x in found[0])


REDUCED = {"keepdims": [False, True]}
DTYPE = {"dtype": [None, strict.float64]}

_LINALG = {
    "linalg.cholesky": with_choices(square(symmetric=True), upper=[False, True]),
    "linalg.cross": _vectors(3, (strict.float64, strict.int64)),
    "linalg.det": st.tuples(square()).map(lambda a: (a, {})),
    "linalg.diagonal": with_choices(arrays(NUMBERS, MATRICES), offset=[0, 1, -1]),
    "linalg.eigh": st.tuples(square(symmetric=True)).map(lambda a: (a, {})),
    "linalg.eigvalsh": st.tuples(square(symmetric=True)).map(lambda a: (a, {})),
    "linalg.inv": st.tuples(square()).map(lambda a: (a, {})),
    "linalg.matmul": _matmul(),
    "linalg.matrix_norm": with_choices(arrays(REAL, MATRICES), keepdims=[False, True], ord=["fro", 1, 2, "nuc"]),
    "linalg.matrix_power": st.tuples(square(), st.integers(-2, 3)).map(lambda a: (a, {})),
    "linalg.matrix_rank": st.tuples(square()).map(lambda a: (a, {})),
    "linalg.matrix_transpose": one(ANY, MATRICES),
    "linalg.outer": _vectors(),
    "linalg.pinv": st.tuples(square()).map(lambda a: (a, {})),
    "linalg.qr": with_choices(square(), mode=["reduced", "complete"]),
    "linalg.slogdet": st.tuples(square()).map(lambda a: (a, {})),
    "linalg.solve": _solve(),
    "linalg.svd": with_choices(square(), full_matrices=[False, True]),
    "linalg.svdvals": st.tuples(square()).map(lambda a: (a, {})),
    "linalg.tensordot": _matmul().map(lambda a: (a[0], {"axes": 1})),
    "linalg.trace": with_choices(arrays(NUMBERS, MATRICES), offset=[0, 1]),
    "linalg.vecdot": _vectors(),
    "linalg.vector_norm": with_axis(arrays(REAL), keepdims=[False, True], ord=[1, 2, 0]),
}

_NORMS = {"norm": ["backward", "ortho", "forward"]}
_EVEN = xps.array_shapes(min_dims=1, max_dims=2, min_side=2, max_side=6)
_FFT = {
    **{
        f"fft.{name}": with_axis(arrays(COMPLEX, _EVEN), optional=False, n=[None, 4], **_NORMS)
        for name in ("fft", "ifft", "irfft", "hfft")
    },
    **{
        f"fft.{name}": with_axis(arrays(REAL, _EVEN), optional=False, n=[None, 4], **_NORMS)
        for name in ("rfft", "ihfft")
    },
    **{f"fft.{name}": with_choices(arrays(COMPLEX, _EVEN), **_NORMS) for name in ("fftn", "ifftn", "irfftn")},
    "fft.rfftn": with_choices(arrays(REAL, _EVEN), **_NORMS),
    "fft.fftshift": with_axis(arrays(REAL, _EVEN), name="axes"),
    "fft.ifftshift": with_axis(arrays(REAL, _EVEN), name="axes"),
    "fft.fftfreq": plain(((5,), {}), ((4,), {"d": 0.5}), ((4,), {"dtype": strict.float32})),
    "fft.rfftfreq": plain(((5,), {}), ((4,), {"d": 0.5})),
}

_MAKING = {
    "arange": plain(((5,), {}), ((1, 7, 2), {}), ((0.0, 1.0, 0.25), {}), ((3,), {"dtype": strict.float32})),
    "empty": plain(((0,), {}), (((2, 0),), {"dtype": strict.int8})),
    "eye": plain(((3,), {}), ((2, 4), {"k": 1, "dtype": strict.int32})),
    "full": plain((((2, 3), 7), {}), ((3, 2.5), {}), (((2,), True), {}), (((2,), 1), {"dtype": strict.uint8})),
    "linspace": plain(((0.0, 1.0, 5), {}), ((1, 4, 3), {"endpoint": False, "dtype": strict.float32})),
    "ones": plain(((3,), {}), (((2, 2),), {"dtype": strict.int16})),
    "zeros": plain(((3,), {}), (((2, 0),), {"dtype": strict.bool})),
    "empty_like": one(ANY, shapes=(2, 0)),
    "full_like": st.tuples(arrays((strict.float64, strict.int64)), st.just(3)).map(lambda a: (a, {})),
    "ones_like": with_choices(arrays(), **DTYPE),
    "zeros_like": with_choices(arrays(), **DTYPE),
    "asarray": st.one_of(
        one(), with_choices(arrays(NUMBERS), copy=[True, None]),
        plain((([1, 2],), {}), ((2.5,), {}), (([[True], [False]],), {}), (([1],), {"dtype": strict.float32})),
    ),
    "from_dlpack": one(NUMBERS, FILLED, tame=True),
}  # fmt: skip

ARGUMENTS = {
    **{name: _unary(name) for name in table._UNARY},
    **{name: _binary(name) for name in table._BINARY},
    **{
        name: with_axis(arrays(REAL, bound=4), optional=False, include_initial=[False, True])
        for name in ("cumulative_prod", "cumulative_sum")
    },
    **{name: with_axis(arrays(ORDERED), **REDUCED) for name in ("max", "min", "argmax", "argmin")},
    **{name: with_axis(arrays(INEXACT), **REDUCED) for name in ("mean",)},
    **{name: with_axis(arrays(ANY), **REDUCED) for name in ("all", "any")},
    **{name: with_axis(arrays(NUMBERS, bound=4), **REDUCED) for name in ("sum", "prod")},
    **{name: with_axis(arrays(REAL), correction=[0.0], **REDUCED) for name in ("std", "var")},
    **{
        name: with_axis(arrays(ORDERED), optional=False, descending=[False, True], stable=[True])
        for name in ("sort", "argsort")
    },
    **{name: with_choices(arrays(NUMBERS, MATRICES), k=[0, 1, -1]) for name in ("tril", "triu")},
    **{
        name: one((*INTEGERS, strict.float64), tame=True, bound=3)
        for name in ("unique_all", "unique_counts", "unique_inverse", "unique_values")
    },
    "nonzero": one(NUMBERS, FILLED, tame=True, bound=1),
    "count_nonzero": with_axis(arrays(NUMBERS, bound=1), **REDUCED),
    "matmul": _matmul(),
    "vecdot": _vectors(),
    "tensordot": _matmul().map(lambda a: (a[0], {"axes": 1})),
    "matrix_transpose": one(ANY, MATRICES),
    "astype": st.tuples(arrays(INTEGERS), st.sampled_from(NUMBERS)).map(lambda a: (a, {})),
    "broadcast_arrays": _several(),
    "broadcast_to": arrays().map(lambda x: ((x, (2, *x.shape)), {})),
    "clip": st.tuples(arrays((strict.float64, strict.int64))).map(lambda a: ((*a, -1, 3), {})),
    "concat": _concat(),
    "diff": with_axis(arrays(REAL), optional=False, n=[1, 2]),
    "expand_dims": arrays().map(lambda x: ((x, -1), {})),
    "flip": with_axis(arrays()),
    "meshgrid": _several(one_dimension=True).flatmap(
        lambda a: st.sampled_from(["xy", "ij"]).map(lambda way: (a[0], {"indexing": way}))
    ),
    "moveaxis": arrays().map(lambda x: ((x, 0, -1), {})),
    "permute_dims": _permute(),
    "repeat": arrays().map(lambda x: ((x, 2), {"axis": 0})),
    "reshape": _reshape(),
    "roll": with_axis(arrays(), shift=[1, -2]),
    "searchsorted": _searchsorted(),
    "squeeze": arrays(ANY, xps.array_shapes(max_dims=2)).map(lambda x: ((strict.expand_dims(x, axis=0), 0), {})),
    "stack": _concat().map(lambda a: (a[0], {"axis": 0})),
    "take": _take(),
    "take_along_axis": _take(along=True),
    "tile": arrays().map(lambda x: ((x, (2, 1)), {})),
    "unstack": with_axis(arrays(), optional=False),
    "where": _where(),
    **_MAKING,
    **_LINALG,
    **_FFT,
}
"""Function to its arguments."""
