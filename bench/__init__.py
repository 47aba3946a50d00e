"""Benchmarks, side by side with alternatives."""

import sys
from pathlib import Path

# functions/ is deployed by itself, so its package is imported from there.
sys.path.insert(0, str(Path(__file__).parents[1] / "functions"))
