"""scikit-learn, unmodified, on data that stays on its worker: what comes here is flags, counts and the score.

Needs SciPy 1.17 and scikit-learn 1.9 or newer: pip install 'farptr[demo]'
"""

import os
import tempfile

os.environ["SCIPY_ARRAY_API"] = "1"  # SciPy looks at it when it is imported

import numpy as np
import sklearn
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import farptr as fp

sklearn.set_config(array_api_dispatch=True)

with tempfile.TemporaryDirectory() as folder:
    cells = load_breast_cancer()
    np.savez(f"{folder}/clinic.npz", x=cells.data, y=cells.target)
    sim = fp.up({"clinic": f"{folder}/clinic.npz"})  # a process that loads the file itself

with sim:
    x, y = sim["clinic"]["x"], sim["clinic"]["y"]  # pointers: 569 patients, 30 measurements
    model = make_pipeline(StandardScaler(), PCA(5), LinearDiscriminantAnalysis())
    model.fit(x[::2], y[::2])
    guessed = model.predict(x[1::2])  # a pointer, too
    print(f"right about {accuracy_score(y[1::2], guessed):.0%} of {guessed.shape[0]} patients")
    fetched = sum(row.value_bytes for row in sim.traffic() if row.what == "fetched")
    print(f"the data has {x.nbytes + y.nbytes} bytes, of which {fetched} were fetched")
    print(f"what the model has learned is on worker {model[0].mean_.device.name}, too")
