"""The frames that a browser shows are those that thumbnails are made of."""

import base64

import pytest

from tests.unit.imaging.moving import CASES, PLACES, Case

TYPES = {b"GIF": "image/gif", b"\x89PN": "image/png", b"RIF": "image/webp"}

DECODE = """
const [data, type, places, done] = arguments;
(async () => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
  const decoder = new ImageDecoder({data: bytes, type});
  await decoder.completed;
  await decoder.tracks.ready;
  const frames = [];
  for (let frameIndex = 0; frameIndex < decoder.tracks.selectedTrack.frameCount; frameIndex++) {
    let image;
    try {
      ({image} = await decoder.decode({frameIndex}));
    } catch {
      break;  // what follows is damaged
    }
    const [width, height] = [image.displayWidth, image.displayHeight];
    const canvas = new OffscreenCanvas(width, height).getContext('2d');
    canvas.drawImage(image, 0, 0);
    image.close();
    frames.push({size: [width, height], colours: places.map(([x, y]) => Array.from(
      canvas.getImageData(Math.floor(x * width), Math.floor(y * height), 1, 1).data))});
  }
  done(frames);
})().catch(error => done(String(error)));
"""


@pytest.fixture
def page(browser, tmp_path):
    """Return a browser with a page that may decode pictures."""
    path = tmp_path / "page.html"
    path.write_text("<!doctype html><title>frames</title>")
    browser.get(path.as_uri())
    return browser


def near(shown, right):
    return shown[3] == right[3] == 0 or all(
        abs(a - b) <= 1 for a, b in zip(shown, right, strict=True)
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_browser_shows_the_same_frames(page, case: Case):
    data = base64.b64encode(case.data).decode()
    frames = page.execute_async_script(DECODE, data, TYPES[case.data[:3]], PLACES)
    assert [tuple(frame["size"]) for frame in frames] == [case.size] * len(case.frames)
    for frame, right in zip(frames, case.frames, strict=True):
        assert all(map(near, frame["colours"], right)), (frame["colours"], right)
