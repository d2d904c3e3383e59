#!/usr/bin/env python3
"""Writes digits.bin from scikit-learn's copy of the UCI digits (made with scikit-learn 1.9.1).

Layout: 1 797 records of 65 bytes: one label (0..9), then 64 grey values (0..16), rows top to
bottom. The records are shuffled once by Python's `random.Random(20230303).shuffle`; the first
1 500 are the training part, the other 297 the test part.
"""

import pathlib
import random

from sklearn.datasets import load_digits

digits = load_digits()
order = list(range(len(digits.target)))
random.Random(20230303).shuffle(order)
out = bytearray()
for i in order:
    out.append(int(digits.target[i]))
    out.extend(int(v) for v in digits.data[i])
pathlib.Path(__file__).with_name("digits.bin").write_bytes(out)
