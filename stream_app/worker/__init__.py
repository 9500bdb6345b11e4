"""The Faust worker: the only package that knows Faust."""
