"""The benchmark's pure parts: what it reckons, shows and says. Nothing here is timed.

`benchmarks` is no part of the package and may not be importable where the suite runs, so it is
loaded from beside the tests.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "benchmarks"

spec = spec_from_file_location("benchmarks", FOLDER / "__init__.py")
assert spec is not None
assert spec.loader is not None
module = module_from_spec(spec)
sys.modules["benchmarks"] = module
spec.loader.exec_module(module)
