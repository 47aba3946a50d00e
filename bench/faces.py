"""Trains the network that finds faces, and writes its weights into the package.

    .venv/bin/python -m bench.faces FACES FOLDER...

FACES is `lfw_subset.npy` of scikit-image: 200 pictures of 25 x 25 pixels, of which the first 100
are faces, from Labeled Faces in the Wild. The folders contain pictures without faces: textures,
landscapes, things. Pictures that `bench.crop` names as held out must not be among them. The same
input gives the same weights; after a change of the filter, from the second run on.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from quickthumb.imaging import face_weights
from quickthumb.imaging.faces import CONTRAST_FLOOR, PROPOSAL, SIDE, proposals

HIDDEN = 16
_PROPOSED = 500
"""Proposals of each picture to learn from."""

Array = NDArray[np.float64]

_MODULE = '''"""Weights that `bench/faces.py` trained; see `imaging/faces.py`."""

PROPOSAL = (
{proposal})
"""A filter of 5 x 5 pixels, row by row, from the bottom to the top, as Pillow applies it."""

THRESHOLD = {threshold}
"""Added to the sum of all hidden neurons."""

NEURONS = (
{neurons})
"""For each hidden neuron: its threshold, its weight, the unit of its weights, and these for 12 x 12
pixels, row by row, in two hexadecimal digits each, plus 128."""
'''


class Views:
    """Squares of pictures, at random."""

    def __init__(self, folders: list[Path], faces: Path, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        paths = sorted(path for folder in folders for path in folder.rglob("*.*g"))
        self._others = [_small(path) for path in paths]
        levels = np.load(faces)[:100] * 255
        self._faces = [
            Image.fromarray(face.astype(np.uint8)).resize((100, 100), Image.Resampling.BICUBIC)
            for face in levels
        ]

    def faces(self, side: int, turns: int) -> Array:
        """Return every face and its mirror image, moved, scaled and turned a little."""
        seen = []
        for face in self._faces:
            for image in (face, face.transpose(Image.Transpose.FLIP_LEFT_RIGHT)):
                for _ in range(turns):
                    turned = image.rotate(self._random.uniform(-12, 12), Image.Resampling.BICUBIC)
                    width = self._random.uniform(70, 90)
                    low, high = width / 2, 100 - width / 2
                    x, y = np.clip(50 + self._random.uniform(-7, 7, 2), low, high)
                    seen.append(_square(turned, x, y, width, side))
        return np.array(seen)

    def others(self, side: int, count: int) -> Array:
        """Return squares of other things."""
        seen = []
        for _ in range(count):
            image = self._others[self._random.integers(len(self._others))]
            most = min(image.size)
            width = 12 * (most / 12) ** self._random.random()
            x = self._random.uniform(width / 2, image.width - width / 2)
            y = self._random.uniform(width / 2, image.height - width / 2)
            seen.append(_square(image, x, y, width, side))
        return np.array(seen)

    def proposed(self, side: int) -> Array:
        """Return what the filter proposes in other things, whatever its colour."""
        seen = []
        for image in self._others:
            best = sorted(
                proposals(image, Image.new("L", image.size, 255)),
                key=lambda face: face.likelihood,
                reverse=True,
            )
            seen += [_square(image, *face[:3], side) for face in best[:_PROPOSED]]
        return np.array(seen)


def _small(path: Path) -> Image.Image:
    image = Image.open(path).convert("L")
    image.thumbnail((256, 256), Image.Resampling.BOX)
    return image


def _square(image: Image.Image, x: float, y: float, width: float, side: int) -> Array:
    half = width / 2
    box = (
        *(max(0, x - half), max(0, y - half)),
        *(min(image.width, x + half), min(image.height, y + half)),
    )
    square = image.resize((side, side), Image.Resampling.BILINEAR, box=box)
    levels = np.asarray(square, np.float64).ravel()
    normalised: Array = (levels - levels.mean()) / (levels.std() + CONTRAST_FLOOR)
    return normalised


class Network:
    """One hidden layer of neurons with tanh; trained with Adam and weight decay."""

    def __init__(self, inputs: int, hidden: int, seed: int) -> None:
        start = np.random.default_rng(seed)
        self.parameters = [
            start.normal(0, inputs**-0.5, (inputs, hidden)),
            np.zeros(hidden),
            start.normal(0, hidden**-0.5, hidden),
            np.zeros(1),
        ]

    def scores(self, seen: Array) -> Array:
        """Return the log odds that each row is a face."""
        first, thresholds, second, threshold = self.parameters
        scores: Array = np.tanh(seen @ first + thresholds) @ second + threshold
        return scores

    def train(self, seen: Array, is_face: Array, epochs: int, decay: float, seed: int) -> None:
        """Minimise the logistic loss."""
        order = np.random.default_rng(seed)
        momentum = [np.zeros_like(each) for each in self.parameters]
        spread = [np.zeros_like(each) for each in self.parameters]
        step = 0
        for epoch in range(epochs):
            rate = 0.003 * (1 - epoch / epochs)
            for rows in np.array_split(order.permutation(len(seen)), len(seen) // 200):
                step += 1
                gradients = self._gradients(seen[rows], is_face[rows], decay)
                for index, gradient in enumerate(gradients):
                    momentum[index] = 0.9 * momentum[index] + 0.1 * gradient
                    spread[index] = 0.999 * spread[index] + 0.001 * gradient**2
                    mean, square = (
                        momentum[index] / (1 - 0.9**step),
                        spread[index] / (1 - 0.999**step),
                    )
                    self.parameters[index] = self.parameters[index] - rate * mean / (
                        square**0.5 + 1e-8
                    )

    def _gradients(self, seen: Array, is_face: Array, decay: float) -> list[Array]:
        first, thresholds, second, threshold = self.parameters
        hidden = np.tanh(seen @ first + thresholds)
        error = (1 / (1 + np.exp(-(hidden @ second + threshold))) - is_face) / len(seen)
        back = np.outer(error, second) * (1 - hidden**2)
        return [
            seen.T @ back + decay * first,
            back.sum(0),
            hidden.T @ error + decay * second,
            error.sum(keepdims=True),
        ]


def trained(views: Views, side: int, hidden: int, decay: float) -> Network:
    """Return a network that was shown its mistakes twice."""
    network = Network(side * side, hidden, seed=0)
    faces, others = views.faces(side, 15), views.others(side, 12_000)
    proposed = views.proposed(side)
    others = np.vstack([others, proposed[::4]])
    for again in range(4):
        seen = np.vstack([faces, others])
        is_face = np.arange(len(seen)) < len(faces)
        network.train(seen, is_face.astype(np.float64), 30, decay, seed=again)
        more = np.vstack([views.others(side, 30_000), proposed])
        others = np.vstack([others, more[np.argsort(-network.scores(more))[:4_000]]])
        missed = float((network.scores(faces) < 0).mean())
        wrong = float((network.scores(proposed) > 0).mean())
        print(
            f"{side} x {side}: {missed:.3f} of the faces missed, {wrong:.4f} of the proposals wrong"
        )
    return network


def proposal(views: Views) -> list[int]:
    """Return a filter of 5 x 5 pixels, whose sum is 0: the difference that tells faces apart."""
    # A face has six pixels there, of which the filter sees five.
    faces, others = views.faces(PROPOSAL, 15), views.others(PROPOSAL, 20_000)
    both = np.cov(faces.T) + np.cov(others.T)
    weights = np.linalg.solve(both + 0.05 * np.eye(len(both)), faces.mean(0) - others.mean(0))
    square = weights.reshape(PROPOSAL, PROPOSAL)
    square = (square + square[:, ::-1]) / 2
    whole = np.round(square / np.abs(square).max() * 100).astype(int)
    whole[PROPOSAL // 2, PROPOSAL // 2] -= whole.sum()
    return [int(weight) for weight in whole[::-1].ravel()]


def written(network: Network, weights: list[int]) -> str:
    """Return the module with the weights."""
    first, thresholds, second, threshold = network.parameters
    neurons = ""
    for row, low, weight in zip(first.T, thresholds, second, strict=True):
        row = row - row.mean()  # so that brightness has no effect
        unit = float(np.abs(row).max() / 127)
        digits = bytes(int(each) + 128 for each in np.round(row / unit)).hex()
        lines = [digits[at : at + 88] for at in range(0, len(digits), 88)]
        neurons += f"    (\n        {low:.4f},\n        {weight:.4f},\n        {unit:.6f},\n"
        neurons += "".join(f'        "{line}"\n' for line in lines) + "    ),\n"
    rows = [weights[at : at + PROPOSAL] for at in range(0, len(weights), PROPOSAL)]
    filtering = "".join(f"    *({', '.join(map(str, row))}),\n" for row in rows)
    return _MODULE.format(proposal=filtering, threshold=f"{threshold[0]:.4f}", neurons=neurons)


def main() -> None:
    """Train, and write the module."""
    parser = argparse.ArgumentParser(prog="python3 -m bench.faces", description=__doc__)
    parser.add_argument("faces", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    options = parser.parse_args()
    views = Views(options.folders, options.faces, seed=1)
    text = written(trained(views, SIDE, HIDDEN, 0.0003), proposal(views))
    Path(face_weights.__file__).write_text(text)


if __name__ == "__main__":
    main()
