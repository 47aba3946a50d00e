"""Measures the similarity of two pictures."""

import numpy as np


def ssim(first: np.ndarray, second: np.ndarray) -> float:
    """Return the structural similarity of two pictures of the same size, at most 1.

    The mean over 8 x 8 windows of the index of Wang et al. (2004), on luma,
    https://doi.org/10.1109/TIP.2003.819861.
    """
    a, b = (_luma(picture) for picture in (first, second))
    (mean_a, mean_b), (square_a, square_b) = (
        (_window_mean(x), _window_mean(y)) for x, y in ((a, b), (a * a, b * b))
    )
    covariance = _window_mean(a * b) - mean_a * mean_b
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    index = ((2 * mean_a * mean_b + c1) * (2 * covariance + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    )
    return float(index.mean())


def _luma(picture: np.ndarray) -> np.ndarray:
    return picture[..., :3] @ np.array([0.299, 0.587, 0.114])


def _window_mean(plane: np.ndarray, size: int = 8) -> np.ndarray:
    sums = np.pad(plane.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    total = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    return total / size**2
