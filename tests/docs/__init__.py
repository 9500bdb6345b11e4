"""The parts of the README that the code knows: `make docs` writes them, a test finds them stale."""
