"""The Array API on pointers."""

import numpy as np
import pytest

from farptr.xp.namespace import OLDEST_NUMPY

needs_numpy = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < OLDEST_NUMPY,
    reason=f"NumPy {np.__version__} lacks functions of the Array API; it takes NumPy {OLDEST_NUMPY}",
)
