"""A regression on three clinics' data, fitted by functions that run where the data is; only sums leave a clinic."""

import tempfile
from pathlib import Path

import numpy as np

import farptr as fp

CLINICS = ("north", "east", "south")


def write_shards(folder):
    """Play the clinics: each has a file of its own, with ages, doses and how patients did."""
    draw = np.random.default_rng(7)
    files = {}
    for clinic in CLINICS:
        age, dose = draw.uniform(20, 80, 200), draw.uniform(0, 5, 200)
        outcome = 3.0 + 0.1 * age - 2.0 * dose + draw.normal(0, 0.5, 200)
        files[clinic] = str(Path(folder) / f"{clinic}.npz")
        np.savez(files[clinic], age=age, dose=dose, outcome=outcome)
    return files


@fp.remote
def summed_up(age, dose, outcome, *, settings):
    """What a clinic tells of its patients: the sums that least squares needs, of those who are old enough."""
    of_age = age >= settings["youngest"]
    print(f"{of_age.sum()} of {len(age)} patients")
    table = np.column_stack([np.ones(of_age.sum()), age[of_age], dose[of_age]])
    return {"squares": table.T @ table, "products": table.T @ outcome[of_age]}


def main():
    """Fit, and show what was learnt, and what left the clinics."""
    # Functions can print and return a clinic's own data: the clinics say twice that they may run here.
    with (
        tempfile.TemporaryDirectory() as folder,
        fp.up(write_shards(folder), "adder", functions="private", seed=1) as sim,
    ):
        *clinics, adder = sim
        squares, products = [], []
        for clinic in clinics:  # nothing waits: all of them work at the same time
            settings = fp.send({"youngest": 30, "unit": "years"}, clinic)
            told = summed_up(clinic["age"], clinic["dose"], clinic["outcome"], settings=settings)
            squares.append(told["squares"].move(adder))
            products.append(told["products"].move(adder))
        fitted = adder.run(lambda a, b: np.linalg.solve(sum(a), sum(b)), squares, products).get()
        print("intercept, age, dose:", np.round(fitted, 2))
        for row in sim.traffic():
            if row.value_bytes and row.what != "sent":
                print(f"{row.what}: {row.value_bytes} bytes from {row.source} to {row.destination}")


if __name__ == "__main__":
    main()
