"""Prints the figures that tests/analysis.rs expects, computed by others from the same samples.

pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 sealwatch conseal && python tests/analysis.py
"""

import numpy as np
from importlib.metadata import version
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
import scipy.stats
import conseal.hill._costmap, conseal.suniward._costmap
import sealwatch.chi2, sealwatch.spa, sealwatch.ws

ct = open("../../examples/data/CT_small.dcm", "rb").read()[6300 : 6300 + 2 * 128 * 128]
words = np.frombuffer(ct, "<u2") ^ 0x8000
eight = np.minimum((words - 0x8000) // 9, 255).astype(np.uint8)


def replaced(samples, rate):
    """Replaces the lowest bit of about `rate` per cent of the samples; Lehmer's generator chooses."""
    stego, state = samples.astype(int), 1
    for i in range(len(stego)):
        state = state * 48271 % 0x7FFFFFFF
        if (state >> 16) % 100 < rate:
            stego[i] = stego[i] & 0xFFFE | (state >> 13 & 1)
    return stego.astype(samples.dtype)


def regular_singular(image):
    """RS from the paper (Fridrich, Goljan and Du 2001): groups of four in a row, mask 0 1 1 0."""

    def counts(image):
        groups = image.astype(int).reshape(-1, 4)
        noise = lambda groups: np.abs(np.diff(groups, axis=1)).sum(axis=1)
        mask = np.array([False, True, True, False])
        positive = np.where(mask, groups ^ 1, groups)
        negative = np.where(mask, ((groups + 1) ^ 1) - 1, groups)
        share = lambda flipped: np.sign(noise(flipped) - noise(groups)).mean()
        return share(positive), share(negative)

    (d0, m0), (d1, m1) = counts(image), counts(image ^ 1)
    roots = np.roots([2 * (d1 + d0), m0 - m1 - d1 - 3 * d0, d0 - m0])
    z = min(roots, key=abs)
    return z / (z - 0.5)


print({name: version(name) for name in ("numpy", "scipy", "scikit-image", "sealwatch", "conseal")})
for rate in (50, 100):
    stego = replaced(words, rate)
    a, b = (x.reshape(128, 128).astype(np.float64) for x in (words, stego))
    for peak in (65535, a.max() - a.min()):
        ssim = structural_similarity(
            a, b, data_range=peak, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        print("16 bits", rate, peak, peak_signal_noise_ratio(a, b, data_range=peak), ssim)
    bins = np.arange(65537)
    moved = np.abs(np.histogram(words, bins)[0] - np.histogram(stego, bins)[0]).sum()
    print("ncc", np.corrcoef(a.ravel(), b.ravel())[0, 1], "histogram", moved / 2 / words.size)
for rate in (0, 10, 50, 100):
    image = replaced(eight, rate).reshape(128, 128)
    distance, _ = sealwatch.chi2.attack(image)
    print("8 bits", rate, "spa", sealwatch.spa.attack(image), "chi2", distance, end=" ")
    print("p", scipy.stats.chi2.sf(distance / 2, 94), "ws", sealwatch.ws.attack(image), "rs", regular_singular(image))
# Corners, edges, flat and textured places; the mean logarithm is of all samples.
for samples in (eight, words):
    for model in (conseal.hill._costmap, conseal.suniward._costmap):
        costs = model.compute_cost(samples.reshape(128, 128)).astype(np.float64).ravel()
        print(samples.dtype, model.__name__.split(".")[1], np.log(costs).mean(), end=" ")
        print([float(f"{costs[place]:.9g}") for place in (0, 127, 63, 5000, 8256, 10321, 128 * 127, 128 * 128 - 1)])
