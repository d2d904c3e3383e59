#!/usr/bin/env python3
"""Figures of merit for `clel/src/eval/tests/`, by pytorch-fid 0.3.0, prdc 0.2, torchmetrics 1.9.0 and scikit-learn 1.9.1.

The features are the formulas of `frechet.py`, so that the tests make the same ones without a file.
"""

import numpy as np
import torch
from frechet import features
from prdc import compute_prdc
from pytorch_fid.fid_score import calculate_frechet_distance
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score, roc_curve
from sklearn.neighbors import KNeighborsClassifier
from torchmetrics.image.kid import poly_mmd

a, b = (features(n, 24, p).astype(np.float32) for n, p in [(200, 0.2), (150, 0.35)])
wide = [x.astype(np.float64) for x in (a, b)]

(m1, s1), (m2, s2) = ((x.mean(0), np.cov(x, rowvar=False)) for x in wide)
print("frechet", "%.12f" % calculate_frechet_distance(m1, s1, m2, s2))
x, y = (torch.from_numpy(x[:150]) for x in wide)
print("kid", "%.12f" % poly_mmd(x, y))
for k in (3, 5):
    print("prdc", k, compute_prdc(wide[0], wide[1], k))

logits = torch.from_numpy(features(57, 7, 0.4))
p = logits.softmax(1)
scores = []
for part in p[:50].split(5):  # as torchmetrics' InceptionScore, with equal parts
    scores.append((part * (part.log() - part.mean(0, keepdim=True).log())).sum(1).mean().exp())
scores = torch.stack(scores)
print("inception score", "%.12f %.12f" % (scores.mean(), scores.std(unbiased=False)))

labels = np.arange(200) % 7
test = np.arange(150) % 7
for k in (1, 4, 5):
    knn = KNeighborsClassifier(k, algorithm="brute").fit(wide[0], labels)
    print("knn", k, (knn.predict(wide[1]) == test).sum())
# classes that depend on the features
labels, test = (np.argmax(x[:, :3], axis=1) for x in wide)
model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10000).fit(wide[0], labels)
loss = -np.log(model.predict_proba(wide[0])[np.arange(200), labels]).sum() + 0.5 * (model.coef_**2).sum()
print("probe", "%.10f" % (loss / 200), [(model.predict(x) == y).sum() for x, y in zip(wide, (labels, test))])

# scores with many ties
i, j = np.arange(60), np.arange(45)
inside = np.round(4 * np.sin(0.7 * i) + 2) / 4
outside = np.round(4 * np.cos(1.1 * j)) / 4
y = np.r_[np.ones(60), np.zeros(45)]
s = np.r_[inside, outside]
fpr, tpr, _ = roc_curve(y, s, drop_intermediate=False)
print("ranking", roc_auc_score(y, s), average_precision_score(y, s), fpr[np.argmax(tpr >= 0.95)])
