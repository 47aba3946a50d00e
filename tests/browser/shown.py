"""What Chromium shows of pictures."""

import base64
from collections.abc import Sequence

from PIL import Image
from selenium.webdriver import Chrome

_SHOW = """
const [pictures, done] = arguments;
const show = async ([type, base64]) => {
  const image = new Image();
  image.src = `data:${type};base64,${base64}`;
  try { await image.decode(); } catch (error) { return [0, 0, String(error)]; }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(image, 0, 0);
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
  return [canvas.width, canvas.height, btoa(String.fromCharCode(...pixels))];
};
Promise.all(pictures.map(show)).then(done);
"""

_AT_A_TIME = 50


def shown(browser: Chrome, pictures: Sequence[tuple[str, str, bytes]]) -> list[Image.Image]:
    """Return pictures as Chromium shows them, in mode RGBA.

    Args:
        browser: with any page.
        pictures: the media type, the name and the bytes of each; of some 30,000 pixels at most.
    """
    sent = [(kind, base64.b64encode(data).decode()) for kind, _, data in pictures]
    found = []
    for at in range(0, len(sent), _AT_A_TIME):
        found += browser.execute_async_script(_SHOW, sent[at : at + _AT_A_TIME])
    failed = {
        name: result
        for (_, name, _), (width, _, result) in zip(pictures, found, strict=True)
        if not width
    }
    assert failed == {}
    return [
        Image.frombytes("RGBA", (width, height), base64.b64decode(pixels))
        for width, height, pixels in found
    ]
