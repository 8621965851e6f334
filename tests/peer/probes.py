"""Writes features drawn from a seed with what scikit-learn's probes, and its shrunk covariance, make of them.

usage: probes.py FOLDER SEED     needs: scikit-learn
cases.json: for each case n, D, C, k, features, labels, weights, test, and scikit-learn's coef, intercept, scores and knn, and shrinkage and distances of the test from all.
"""
import json
import random
import sys
from pathlib import Path

import numpy as np
from sklearn.covariance import LedoitWolf
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

folder, seed = Path(sys.argv[1]), int(sys.argv[2])
choose = random.Random(seed)
draw = np.random.default_rng(seed)


def case(n, D):
    C, k = choose.choice([0.01, 0.1, 1.0, 10.0, 100.0]), choose.choice([1, 3, 5, 9])
    scale = choose.choice([0.1, 1.0, 5.0])
    # As CLIP's features: an offset, few strong directions, many weak ones. Halves of integers are the same in float32.
    strong = draw.normal(size=(n + 20, 4)) @ draw.normal(size=(4, D))
    x = np.float32(scale * (draw.normal(size=D) + strong + 0.3 * draw.normal(size=(n + 20, D)))).astype(np.float64)
    labels = (strong @ draw.normal(size=D) + draw.normal(size=n + 20) * strong.std() > 0).astype(int)
    labels[:2] = 0, 1
    weights = draw.uniform(0.2, 3, size=n) if choose.random() < 0.5 else np.ones(n)
    # From the default solver's tolerance of 1e-4 coefficients are 1e-3 off.
    logistic = LogisticRegression(C=C, tol=1e-12, max_iter=10000, solver="newton-cholesky").fit(x[:n], labels[:n], weights)
    knn = KNeighborsClassifier(k, metric="cosine", algorithm="brute").fit(x[:n], labels[:n])
    shrunk = LedoitWolf().fit(x[:n])
    return {
        "shrinkage": float(shrunk.shrinkage_), "distances": np.sqrt(shrunk.mahalanobis(x[n:]) / D).tolist(),
        "n": n, "D": D, "C": C, "k": k, "features": x[:n].tolist(), "labels": labels[:n].tolist(), "weights": weights.tolist(), "test": x[n:].tolist(),
        "coef": logistic.coef_[0].tolist(), "intercept": float(logistic.intercept_[0]),
        "scores": logistic.predict_proba(x[n:])[:, 1].tolist(), "knn": knn.predict_proba(x[n:])[:, 1].tolist(),
    }


sizes = [(n, D) for n in (25, 200, 1000) for D in (1, 7, 96, 400)] + [(60, 2100), (300, 2100)]
(folder / "cases.json").write_text(json.dumps([case(n, D) for n, D in sizes]))
