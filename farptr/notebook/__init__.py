"""farptr in Jupyter: displays and magics."""
