"""Prints the figures that tests/analysis expects, computed by others from the same samples.

pip install numpy==2.4.6 scipy==1.17.1 scikit-image==0.26.0 sealwatch conseal && python tests/analysis.py
"""

import numpy as np
from importlib.metadata import version
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
import scipy.signal
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
        groups = image[:, : image.shape[1] // 4 * 4].astype(int).reshape(-1, 4)
        noise = lambda groups: np.abs(np.diff(groups, axis=1)).sum(axis=1)
        mask = np.array([False, True, True, False])
        positive = np.where(mask, groups ^ 1, groups)
        negative = np.where(mask, ((groups + 1) ^ 1) - 1, groups)
        share = lambda flipped: np.sign(noise(flipped) - noise(groups)).mean()
        return share(positive), share(negative)

    (d0, m0), (d1, m1) = counts(image), counts(image ^ 1)
    roots = np.roots([2 * (d1 + d0), m0 - m1 - d1 - 3 * d0, d0 - m0])
    z = min(roots, key=abs).real  # of a complex pair, what both have
    return z / (z - 0.5)


def weighted_stego(*planes):
    """WS from the paper (Ker and Boehme 2008): edges 2, corners -1, over 4; weight 1 / (5 + variance of the neighbours)."""
    apart, weights = np.sum([weighted_sums(plane.astype(np.float64)) for plane in planes], axis=0)
    return 2 * apart / weights


def weighted_sums(x):
    edges, corners = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]), np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1]])
    near = lambda values, kernel: scipy.signal.convolve2d(values, kernel, mode="valid")
    mean, square = (near(v, edges + corners) / 8 for v in (x, x * x))
    weight = 1 / (5 + square - mean * mean)
    inner = x[1:-1, 1:-1]
    apart = inner - (2 * near(x, edges) - near(x, corners)) / 4
    return (weight * apart * np.where(inner % 2 == 0, -1, 1)).sum(), weight.sum()


def sample_pairs(image):
    """Sample Pairs from the paper (Dumitrescu, Wu and Wang 2003), of neighbours in a row."""
    r, s = (x.astype(int).ravel() for x in (image[:, :-1], image[:, 1:]))
    x = ((s % 2 == 0) & (r < s) | (s % 2 == 1) & (r > s)).sum()
    y = ((s % 2 == 0) & (r > s) | (s % 2 == 1) & (r < s)).sum()
    roots = np.roots([(r // 2 == s // 2).sum() / 2, 2 * x - r.size, y - x])
    return min(root.real for root in roots)


def chi_square(image):
    """Westfeld and Pfitzmann 1999: pairs of values of which there are more than eight samples."""
    pairs = np.bincount(image.ravel(), minlength=65536).reshape(-1, 2)
    pairs = pairs[pairs.sum(axis=1) > 8]
    expected = pairs.sum(axis=1) / 2
    statistic = ((pairs[:, 0] - expected) ** 2 / expected).sum()
    return statistic, len(pairs) - 1, scipy.stats.chi2.sf(statistic, len(pairs) - 1)


def coloured(samples, channels):
    """100 x 126 pixels of channels made of the image: as it is, its columns as rows, upside down, and noise for alpha."""
    image = samples.reshape(128, 128)
    noise = (np.arange(128 * 128) * 40503 >> 3).astype(samples.dtype).reshape(128, 128)
    planes = [image, image.T, image[::-1, ::-1], noise]
    return np.dstack(planes[2:] if channels == 2 else planes[:channels])[:100, :126]


def figures(cover, stego, carrying):
    """Of the channels that carry: all figures of `metric`, then all of `detect` for the stego image."""
    a, b = (x[:, :, carrying].astype(np.float64) for x in (cover, stego))
    yield (a != b).sum()
    for peak in (np.iinfo(cover.dtype).max, a.max() - a.min()):
        yield peak_signal_noise_ratio(a, b, data_range=peak)
        yield structural_similarity(
            a, b, data_range=peak, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, channel_axis=2
        )
    yield np.corrcoef(a.ravel(), b.ravel())[0, 1]
    counts = [np.bincount(x[:, :, carrying].ravel(), minlength=65536) for x in (cover, stego)]
    yield np.abs(counts[0] - counts[1]).sum() / 2 / a.size
    planes = [stego[:, :, channel] for channel in carrying]
    below = np.vstack(planes)  # neighbours and groups are in rows
    yield sample_pairs(below)
    yield regular_singular(below)
    yield weighted_stego(*planes)
    yield from chi_square(below)


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
    print("from the papers: pairs", sample_pairs(image), "ws", weighted_stego(image), "chi2", chi_square(image))
for rate in (0, 50, 100):
    image = replaced(words, rate).reshape(128, 128)
    print("16 bits", rate, "pairs", sample_pairs(image), "rs", regular_singular(image), end=" ")
    print("ws", weighted_stego(image), "chi2", chi_square(image))
# Corners, edges, flat and textured places; the mean logarithm is of all samples.
for samples in (eight, words):
    for model in (conseal.hill._costmap, conseal.suniward._costmap):
        costs = model.compute_cost(samples.reshape(128, 128)).astype(np.float64).ravel()
        print(samples.dtype, model.__name__.split(".")[1], np.log(costs).mean(), end=" ")
        print([float(f"{costs[place]:.9g}") for place in (0, 127, 63, 5000, 8256, 10321, 128 * 127, 128 * 128 - 1)])
# Channels, and which of them carry; alpha is written to as well, which must not show.
for samples in (eight, words):
    for channels, carrying in ((1, [0]), (3, [0, 1, 2]), (4, [0, 1, 2]), (4, [1]), (2, [0])):
        for rate in (10, 60):
            cover = coloured(samples, channels)
            stego = replaced(cover.ravel(), rate).reshape(cover.shape)
            print(samples.dtype, channels, carrying, rate, [float(x) for x in figures(cover, stego, carrying)])
            if len(carrying) == 1 and samples is eight:
                plane = np.ascontiguousarray(stego[:, :, carrying[0]])
                print("sealwatch: spa", sealwatch.spa.attack(plane), "chi2", sealwatch.chi2.attack(plane)[0])
