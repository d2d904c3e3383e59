#!/usr/bin/env python3
"""Fréchet distances for `clel/src/eval/tests/`, by numpy 2.4 and scipy 1.17's `sqrtm`.

The features are formulas, so that the test makes the same ones without a file.
"""

import numpy as np
from scipy.linalg import sqrtm


def features(n, d, phase):
    i, j = np.arange(n)[:, None], np.arange(d)[None, :]
    return (
        np.sin(0.37 * (i + 1) * (j + 1) + phase)
        + 0.5 * np.cos(1.3 * i - 0.7 * j * phase)
        + 0.1 * phase * j
    )


def distance(a, b):
    (m1, s1), (m2, s2) = ((x.mean(0), np.cov(x, rowvar=False)) for x in (a, b))
    # The trace of the root through symmetric matrices, and through scipy's general root.
    w, v = np.linalg.eigh(s1)
    half = (v * np.sqrt(np.clip(w, 0, None))) @ v.T
    roots = np.sqrt(np.clip(np.linalg.eigvalsh(half @ s2 @ half), 0, None)).sum()
    general = np.trace(sqrtm(s1 @ s2)).real
    rest = np.sum((m1 - m2) ** 2) + np.trace(s1) + np.trace(s2)
    return rest - 2 * roots, rest - 2 * general


def exact(a, b):
    """Without a covariance, whose rounding errors have roots: the trace is the nuclear norm of the centred vectors' products."""
    (m1, x), (m2, y) = ((x.mean(0), (x - x.mean(0)) / np.sqrt(len(x) - 1)) for x in (a, b))
    return np.sum((m1 - m2) ** 2) + np.sum(x * x) + np.sum(y * y) - 2 * np.linalg.norm(x @ y.T, "nuc")


if __name__ == "__main__":
    for n1, n2, d in [(40, 50, 5), (200, 150, 24), (10, 300, 24)]:
        print(n1, n2, d, *("%.12f" % f for f in distance(features(n1, d, 0.2), features(n2, d, 0.9))))
    a, b = features(30, 256, 0.3), features(60, 256, 0.3)
    print("exact", "%.12f" % exact(a, b), "by covariances", "%.12f %.12f" % distance(a, b))
