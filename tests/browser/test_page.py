"""The page at / in a browser."""

import base64

import pytest
import requests
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select
from selenium.webdriver.support.wait import WebDriverWait

from tests.pictures import ROCKET, SAMPLES, picture

ROOMY = 60  # seconds for a thumbnail while other tests are running


def wait(browser, condition):
    return WebDriverWait(browser, ROOMY).until(condition)


def all_of(browser, selector):
    return browser.find_elements(By.CSS_SELECTOR, selector)


def one(browser, selector):
    return browser.find_element(By.CSS_SELECTOR, selector)


def opened(browser, url):
    """Open the page, and wait until it has loaded the limits of the service."""
    browser.get(url)
    wait(browser, lambda browser: "MiB" in one(browser, "#limits").text)


def choose(browser, *paths, sizes="64"):
    one(browser, "[name=sizes]").clear()
    one(browser, "[name=sizes]").send_keys(sizes)
    one(browser, "#file").send_keys("\n".join(map(str, paths)))
    one(browser, "form > button").click()


def sentences(browser):
    return [element.text for element in all_of(browser, ".results p")]


def done(browser):
    """Return whether all uploads have ended and all thumbnails are shown."""
    script = "return [...document.images].every(image => image.complete && image.naturalWidth)"
    return set(sentences(browser)) == {"Done."} and browser.execute_script(script)


def size_of_thumbnail(browser):
    image = one(browser, ".results img")
    return image.get_property("naturalWidth"), image.get_property("naturalHeight")


def complaints(browser):
    return [entry["message"] for entry in browser.get_log("browser")]


def test_chosen_pictures_become_thumbnails_on_the_page(browser, url):
    opened(browser, url)
    choose(browser, ROCKET, SAMPLES / "chelsea.png", sizes="64,32")
    wait(browser, done)
    shown = [
        (image.get_property("naturalWidth"), image.accessible_name)
        for image in all_of(browser, ".results img")
    ]
    assert sorted(shown) == [
        (32, "Thumbnail 32 of chelsea.png"),
        (32, "Thumbnail 32 of rocket.jpg"),
        (64, "Thumbnail 64 of chelsea.png"),
        (64, "Thumbnail 64 of rocket.jpg"),
    ]
    assert complaints(browser) == []


def test_without_sizes_the_page_shows_the_default_thumbnails(browser, url):
    opened(browser, url)
    choose(browser, ROCKET, sizes="")
    wait(browser, done)
    assert size_of_thumbnail(browser) == (256, 171)


def test_without_sizes_the_chosen_shape_still_applies(browser, url):
    opened(browser, url)
    Select(one(browser, "[name=fit]")).select_by_value("cover")
    choose(browser, ROCKET, sizes="")
    wait(browser, done)
    assert size_of_thumbnail(browser) == (256, 256)


def test_a_dropped_picture_becomes_a_thumbnail(browser, url):
    opened(browser, url)
    script = """
        const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([bytes], "dropped.jpg"));
        document.querySelector(".drop").dispatchEvent(
          new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
    """
    browser.execute_script(script, base64.b64encode(picture()).decode())
    wait(browser, done)
    assert one(browser, ".results h3").text == "dropped.jpg"
    assert len(all_of(browser, ".results img")) == 1


def test_an_invalid_file_is_reported_and_the_others_continue(browser, url, tmp_path):
    text = tmp_path / "<b>text.jpg"
    text.write_text("hello")
    opened(browser, url)
    choose(browser, text, ROCKET)
    wait(browser, lambda browser: sorted(sentences(browser))[:1] == ["Done."])
    assert sentences(browser)[1].startswith("Unrecognised file format: expected JPEG")
    assert [element.text for element in all_of(browser, ".results h3")] == [
        "rocket.jpg",
        "<b>text.jpg",
    ]


def test_an_invalid_option_is_reported(browser, url):
    opened(browser, url)
    choose(browser, ROCKET, sizes="many")
    wait(browser, lambda browser: "expected whole numbers" in sentences(browser)[0])


def test_a_picture_that_is_too_large_is_not_even_sent(browser, url, tmp_path):
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(33 * 2**20)
    opened(browser, url)
    choose(browser, large)
    wait(browser, lambda browser: sentences(browser) != ["Waiting…"])
    assert sentences(browser) == ["The file has 33 MiB; the limit is 32 MiB."]
    assert complaints(browser) == []


def test_after_a_broken_connection_the_picture_is_sent_again(browser, url):
    opened(browser, url)
    browser.set_network_conditions(offline=True, latency=0, throughput=-1)
    choose(browser, ROCKET)
    wait(browser, lambda browser: sentences(browser)[0].startswith("The connection was lost"))
    browser.set_network_conditions(offline=False, latency=0, throughput=-1)
    one(browser, ".again").click()
    wait(browser, done)


def test_a_deleted_picture_leaves_the_page_and_the_service(browser, url):
    opened(browser, url)
    choose(browser, ROCKET)
    wait(browser, done)
    status = one(browser, ".results .link").get_attribute("href")
    assert requests.get(status, timeout=20).json()["status"] == "done"
    one(browser, ".results .delete").click()
    wait(browser, lambda browser: not all_of(browser, ".results li"))
    assert requests.get(status, timeout=20).status_code == 404


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_pages_follow_the_colours_of_the_system(browser, url, path):
    def brightness(scheme):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        script = """
            const ground = getComputedStyle(document.body).backgroundColor;
            const whole = getComputedStyle(document.documentElement).backgroundColor;
            return ground === "rgba(0, 0, 0, 0)" ? whole : ground;
        """
        colour = browser.execute_script(script)
        transparent = colour == "rgba(0, 0, 0, 0)"  # the browser then shows white
        return 255 if transparent else sum(map(int, colour[4:-1].split(","))) / 3

    browser.get(url + path)
    wait(browser, lambda browser: brightness("light") > 200)
    wait(browser, lambda browser: brightness("dark") < 60)


def test_every_field_has_a_label(browser, url):
    opened(browser, url)
    fields = all_of(browser, "input:not([hidden] *), select, button:not([hidden] *)")
    assert len(fields) >= 5
    assert all(field.accessible_name for field in fields)
