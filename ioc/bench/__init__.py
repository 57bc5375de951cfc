"""Benchmarks: what is asked to be fast, measured beside a reference in the same run."""
