"""The page at / in a browser: what people do with it."""

import base64
import os
import re
import signal
import threading

import pytest
import requests
import uvicorn
from selenium.webdriver import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from emulator.ports import HOST, answers, free_port
from tests import needs
from tests.browser.wall import Wall
from tests.conformance.endpoint import eventually
from tests.pictures import ROCKET, SAMPLES, picture
from tests.service import Service

FACTS = re.compile(r"[\d.]+\xa0[kM]B → [\d.]+\xa0kB in [\d.]+\xa0m?s")

HAND_OVER = """
    const [names, kind, base64, target] = arguments;
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const data = new DataTransfer();
    for (const name of names) data.items.add(new File([bytes], name));
    const about = { bubbles: true, cancelable: true };
    const event = kind === "paste"
      ? new ClipboardEvent(kind, { ...about, clipboardData: data })
      : new DragEvent(kind, { ...about, dataTransfer: data });
    document.querySelector(target).dispatchEvent(event);
    return event.defaultPrevented;
"""
"""Drops or pastes files, as people do; returns whether the browser is kept from showing them."""


@pytest.fixture
def page(browser, url):
    return Wall(browser, url)


@pytest.fixture
def pictures(tmp_path):
    """Return a function that makes small pictures, all different."""

    def make(number):
        paths = [tmp_path / f"picture {index + 1}.jpg" for index in range(number)]
        for index, path in enumerate(paths):
            path.write_bytes(picture(40 + index, 30))
        return paths

    return make


def hand_over(page, kind, *names, to=".program"):
    data = base64.b64encode(picture()).decode()
    return page.run(HAND_OVER, names, kind, data, to)


def test_three_pictures_and_a_text_file_become_cards_in_the_order_given(page, tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    page.choose(ROCKET, SAMPLES / "chelsea.png", text, SAMPLES / "coffee.png")
    page.settle("done", "done", "failed", "done")
    assert page.names == ["rocket.jpg", "chelsea.png", "notes.txt", "coffee.png"]
    assert page.facts[2].startswith("Unrecognised file format: expected JPEG")
    assert all(FACTS.fullmatch(page.facts[index]) for index in (0, 1, 3))
    assert page.one("#count").text == "3 of 4 pictures ready, 1 failed"
    page.wait(lambda: "3 of 4 pictures ready, 1 failed." in page.told)
    [refused] = page.complaints()  # the browser's own
    assert "415" in refused


def test_one_press_makes_and_sends_a_sample_and_two_do_not_send_it_twice(page):
    press = "const button = document.querySelector('#sample'); button.click(); button.click();"
    page.run(press)
    page.settle("done")
    assert page.names == ["sample.jpg"]
    assert FACTS.fullmatch(page.facts[0])
    assert page.complaints() == []


def test_every_size_is_in_the_large_view_with_all_that_can_be_copied(page, url):
    page.sizes("64, 32")
    page.choose(ROCKET)
    page.settle("done")
    page.one(".shot").click()
    choices = page.texts("#viewer .sizes label")
    expected = [r"32: 32 . 21, [\d.]+.(kB|bytes)", r"64: 64 . 43, [\d.]+.(kB|bytes)"]
    assert len(choices) == 2
    assert all(map(re.fullmatch, expected, choices))
    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    [id] = page.wait(page.ids)
    page.all("#viewer .sizes label")[0].click()
    expected = {
        "link": f"{url}/{id}/32",
        "curl": f"curl -OJ '{url}/{id}/32?download=1'",
        "srcset": f'<img src="{url}/{id}/64" srcset="{url}/{id}/32 32w, {url}/{id}/64 64w" '
        'sizes="(max-width: 64px) 100vw, 64px" width="64" height="43" alt="">',
    }
    for kind, text in expected.items():
        page.one(f"[data-copy={kind}]").click()
        page.wait(lambda kind=kind: page.one(f"[data-copy={kind}]").text == "Copied")
        assert page.run("return window.copied") == text
    assert page.one("#viewer .download").get_attribute("href") == f"{url}/{id}/32?download=1"
    page.one(".compare-button").click()
    page.wait(lambda: page.run("return document.querySelector('.before').naturalWidth") == 640)
    assert page.one(".compare").is_displayed()


def test_a_format_that_the_browser_chooses_has_one_link_for_each_size(page, url):
    page.sizes("64, 32")
    page.run("document.querySelector('[name=format]').value = 'negotiate'")
    page.choose(ROCKET)
    page.settle("done")
    page.one(".shot").click()
    assert [text.partition(":")[0] for text in page.texts("#viewer .sizes label")] == ["32", "64"]
    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.one("[data-copy=srcset]").click()
    page.wait(lambda: page.one("[data-copy=srcset]").text == "Copied")
    [id] = page.wait(page.ids)
    assert f'srcset="{url}/{id}/32 32w, {url}/{id}/64 64w"' in page.run("return window.copied")
    assert page.run("return document.querySelector('.thumbnail').naturalWidth") == 64


def test_a_link_is_copied_and_a_thumbnail_saved_from_the_card(page, url):
    page.choose(ROCKET)
    page.settle("done")
    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.one(".copy").click()
    [id] = page.wait(page.ids)
    page.wait(lambda: "Link copied." in page.told)
    assert page.run("return window.copied") == f"{url}/{id}/256"
    saved = requests.get(page.one(".save").get_attribute("href"), timeout=20)
    assert 'filename="rocket_256.jpg"' in saved.headers["content-disposition"]


def test_without_sizes_there_are_those_of_the_service_in_the_chosen_shape(page):
    page.sizes("")
    Select(page.one("[name=fit]")).select_by_value("cover")
    page.choose(ROCKET)
    page.settle("done")
    image = page.one(".thumbnail")
    assert [image.get_property(side) for side in ("naturalWidth", "naturalHeight")] == [256, 256]


def test_a_wrong_option_is_told_at_its_field_and_the_files_wait_until_it_is_right(page):
    page.sizes("64, many")
    assert page.one("#sizes-wrong").text.startswith("“many” is not a size")
    page.choose(ROCKET)
    page.wait(lambda: page.focused == "sizes")
    assert page.states == []
    page.sizes("64")
    page.settle("done")
    assert page.one("#sizes-wrong").text == ""
    assert page.one(".thumbnail").get_property("naturalWidth") == 64
    page.browser.refresh()
    page.wait(lambda: page.one("#sizes").get_property("value") == "64")


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_what_is_dropped_anywhere_or_pasted_is_like_what_is_chosen(page, kind):
    is_kept = hand_over(page, kind, "one.jpg", "two.jpg")
    assert is_kept or kind == "paste"
    page.settle("done", "done")
    assert page.names == ["one.jpg", "two.jpg"]


def test_dragging_files_over_the_page_says_where_they_may_be_dropped(page):
    assert hand_over(page, "dragover", "one.jpg")
    assert page.one("#veil").is_displayed()
    hand_over(page, "dragleave", "one.jpg")
    assert not page.one("#veil").is_displayed()


def test_newer_pictures_stand_before_older_ones(page, pictures):
    first, second, third = pictures(3)
    page.choose(first)
    page.choose(second, third)
    page.settle("done", "done", "done")
    assert page.names == [second.name, third.name, first.name]


def test_200_files_go_three_at_a_time_and_the_page_stays_usable(page, pictures):
    page.choose(*pictures(200))
    page.wait(lambda: "making" in page.states or "done" in page.states)
    page.one("summary").click()  # while the others are under way
    assert page.one("#sizes").is_displayed()
    page.wait(lambda: set(page.states) == {"done"})
    assert page.names == [f"picture {number}.jpg" for number in range(1, 201)]
    assert page.run("return window.mostUploads") == 3
    assert page.one("#count").text == "200 of 200 pictures ready"


def test_thirty_pictures_are_a_wall_and_the_first_is_in_view_on_a_phone(page, pictures):
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        page.choose(*pictures(30))
        page.wait(lambda: len(page.states) == 30)
        edges = page.run(
            "const {top, bottom} = document.querySelector('.card').getBoundingClientRect();"
            "return [top, bottom, innerHeight]"
        )
        assert 0 <= edges[0] < edges[1] <= edges[2]
        page.wait(lambda: set(page.states) == {"done"})
        assert page.run("return document.documentElement.scrollHeight") < 5000
        assert page.run("return document.documentElement.scrollWidth") == 390
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@needs.posix("signals")
def test_while_resize_stands_still_all_files_are_accepted_and_then_none_waits_for_another(
    page, pictures, shared_cloud
):
    resize = shared_cloud.pids()["resize"]
    port = int(shared_cloud.addresses.functions["resize"].rpartition(":")[2])
    eventually(lambda: answers(port))
    os.killpg(resize, signal.SIGSTOP)
    try:
        page.choose(*pictures(30))
        page.wait(lambda: set(page.states) == {"making"})
    finally:
        os.killpg(resize, signal.SIGCONT)
    page.wait(lambda: set(page.states) == {"done"})


def test_the_pictures_are_still_there_after_a_reload(page):
    page.sizes("64")
    page.choose(ROCKET, SAMPLES / "coffee.png")
    page.settle("done", "done")
    names, facts = page.names, page.facts
    page.browser.refresh()
    page.settle("done", "done")
    assert (page.names, page.facts) == (names, facts)
    page.one(".shot").click()
    assert not page.one(".compare-button").is_displayed()  # the original is not here any more


@needs.posix("signals")
def test_what_was_not_done_before_a_reload_is_waited_for(page, shared_cloud):
    resize = shared_cloud.pids()["resize"]
    os.killpg(resize, signal.SIGSTOP)
    try:
        page.choose(ROCKET)
        page.wait(lambda: page.ids() and page.states == ["making"])
        page.browser.refresh()
        page.wait(lambda: page.facts == ["Making thumbnails"])
    finally:
        os.killpg(resize, signal.SIGCONT)
    page.settle("done")


def test_the_page_warns_before_it_is_left_in_the_middle_of_an_upload(page):
    leave = """
        const event = new Event("beforeunload", { cancelable: true });
        dispatchEvent(event);
        return event.defaultPrevented;
    """
    assert not page.run(leave)
    page.go_offline()
    page.choose(ROCKET)
    page.wait(lambda: page.states == ["waiting"])
    assert page.run(leave)
    page.go_online()
    page.settle("done")
    assert not page.run(leave)


def status(url, id):
    return requests.get(f"{url}/{id}", timeout=20).status_code


def test_a_deletion_can_be_undone(page, url):
    page.choose(ROCKET, SAMPLES / "coffee.png")
    page.settle("done", "done")
    page.wait(lambda: len(page.ids()) == 2)
    ids = page.ids()
    page.one(".tool.delete").click()
    assert page.names == ["coffee.png"]
    assert page.focused.startswith("card")
    page.one("#undo button").click()
    assert page.names == ["rocket.jpg", "coffee.png"]
    assert page.focused.startswith("card")
    page.one("#delete-all").click()
    assert page.names == []
    assert page.focused == "file"
    page.run("document.activeElement.blur()")
    ActionChains(page.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    page.settle("done", "done")
    assert [status(url, id) for id in ids] == [200, 200]


def test_what_was_deleted_is_gone_when_the_page_is_left_and_does_not_come_back(page, url):
    page.choose(ROCKET, SAMPLES / "coffee.png")
    page.settle("done", "done")
    page.wait(lambda: len(page.ids()) == 2)
    id, other = page.ids()
    page.one(".tool.delete").click()
    page.browser.get("about:blank")
    eventually(lambda: status(url, id) == 404)
    assert status(url, other) == 200
    page.browser.get(url)
    page.settle("done")
    assert page.names == ["coffee.png"]


def test_a_picture_is_deleted_from_its_large_view(page):
    page.choose(ROCKET)
    page.settle("done")
    page.one(".shot").click()
    page.one("#viewer .danger").click()
    assert page.names == []
    assert page.focused == "file"


def test_uploads_go_on_after_the_connection_was_lost_in_the_middle(page, tmp_path):
    large = tmp_path / "large.bmp"
    large.write_bytes(picture(1000, 1000, "BMP"))
    page.slow_down(500_000)
    page.choose(large, ROCKET)
    page.wait(lambda: page.run("return document.querySelector('progress').value > 0"))
    page.go_offline()
    page.wait(lambda: page.states == ["waiting", "waiting"])
    assert page.one("#line p").text.startswith("You are offline.")
    page.wait(lambda: "You are offline." in page.told)
    page.go_online()
    page.settle("done", "done")
    assert not page.one("#line").is_displayed()
    assert not any("Failed to fetch" in text for text in page.facts)


def test_a_large_file_goes_the_announced_way_and_goes_on_where_it_was_interrupted(page, tmp_path):
    large = tmp_path / "large.bmp"
    large.write_bytes(picture(4000, 3300, "BMP"))  # 39.6 MB
    page.slow_down(10_000_000)
    page.choose(large)
    page.wait(lambda: page.run("return document.querySelector('progress').value > 0.3"))
    page.go_offline()
    page.wait(lambda: page.states == ["waiting"])
    page.go_online()
    page.settle("done")
    size = large.stat().st_size
    first, question, second = page.run("return window.ranges")
    assert first == f"bytes 0-{size - 1}/{size}"
    assert question == f"bytes */{size}"
    start = int(re.fullmatch(rf"bytes (\d+)-{size - 1}/{size}", second)[1])
    assert start > 0


def test_a_large_file_that_is_chosen_again_after_a_reload_goes_on(page, tmp_path):
    large = tmp_path / "large.bmp"
    large.write_bytes(picture(4000, 3300, "BMP"))
    page.slow_down(10_000_000)
    page.choose(large)
    page.wait(lambda: page.run("return document.querySelector('progress').value > 0.3"))
    page.go_offline()
    page.wait(lambda: page.states == ["waiting"])
    page.one(".tool.delete").click()  # or the browser would ask before it reloads
    page.go_online()
    page.reload()
    page.choose(large)
    page.settle("done")
    assert page.run("return window.ranges[0]") == f"bytes */{large.stat().st_size}"
    assert not page.run("return window.ranges[1]").startswith("bytes 0-")


def test_what_is_above_the_limit_is_not_even_sent(page, tmp_path):
    large = tmp_path / "large.jpg"
    with large.open("wb") as file:
        file.truncate(101 * 2**20)
    page.choose(large)
    page.settle("failed")
    assert page.facts == ["The file has 106\xa0MB; the limit is 100\xa0MiB."]
    assert page.complaints() == []


def test_a_name_is_never_markup(page, tmp_path):
    evil = tmp_path / "<img src=x onerror=alert(1)>.jpg"
    evil.write_bytes(picture())
    page.choose(evil)
    page.settle("done")
    page.one(".shot").click()
    assert page.texts("#viewer-title") == [evil.name]
    page.one("#viewer .close").click()
    page.one(".tool.delete").click()
    assert page.texts("#undo p") == [f"Deleted {evil.name}."]
    page.one("#undo button").click()
    page.wait(lambda: page.ids())
    page.browser.refresh()
    page.settle("done")
    assert page.names == [evil.name]
    assert page.all("[src=x]") == []
    assert page.complaints() == []


def press(page, *keys):
    ActionChains(page.browser).send_keys(*keys).perform()


def tab_to(page, name, most=40):
    """Press Tab until the element with an accessible name has the focus."""
    for _ in range(most):
        press(page, Keys.TAB)
        if page.browser.switch_to.active_element.accessible_name == name:
            return
    raise AssertionError(f"no {name} within {most} tabs")


def test_everything_works_with_the_keyboard_alone_and_the_focus_is_never_lost(page):
    tab_to(page, "Try a sample picture")
    press(page, Keys.ENTER)
    page.settle("done")
    tab_to(page, "Show details of sample.jpg")
    press(page, Keys.ENTER)
    page.wait(lambda: page.one("#viewer").is_displayed())
    press(page, Keys.ESCAPE)
    page.wait(lambda: not page.one("#viewer").is_displayed())
    assert page.browser.switch_to.active_element.accessible_name == "Show details of sample.jpg"
    tab_to(page, "Delete sample.jpg")
    press(page, Keys.ENTER)
    assert page.states == []
    assert page.focused == "file"
    page.wait(lambda: "Deleted sample.jpg." in page.told)
    tab_to(page, "Undo")
    press(page, Keys.SPACE)
    assert page.focused.startswith("card")
    page.settle("done")


@pytest.fixture
def guarded():
    """Return the URL of a service that wants an API key: `secret`."""
    hashed = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    secrets = ("a secret of at least 32 characters",)
    app = Service(api_keys=(hashed,), token_secrets=secrets, max_upload_bytes=1_000_000).app
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, HOST, port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    eventually(lambda: answers(port))
    yield f"http://{HOST}:{port}"
    server.should_exit = server.force_exit = True  # although the page waits for an answer
    thread.join()


def test_a_key_is_asked_for_where_the_service_wants_one_and_kept_for_the_session(browser, guarded):
    page = Wall(browser, guarded)
    assert not page.one("#key").is_displayed()
    page.choose(ROCKET, SAMPLES / "chelsea.png")
    page.wait(lambda: page.one("#key").is_displayed() and page.focused == "key-field")
    page.wait(lambda: page.facts == ["Waiting for the key"] * 2)
    page.one("#key-field").send_keys("wrong" + Keys.ENTER)
    page.wait(lambda: "The API key is invalid" in page.one("#key-help").text)
    page.one("#key-field").clear()
    page.one("#key-field").send_keys("secret" + Keys.ENTER)
    page.wait(lambda: page.states == ["making"] * 2)
    assert not page.one("#key").is_displayed()
    assert "secret" not in page.run("return JSON.stringify(localStorage)")
    page.browser.refresh()
    page.choose(ROCKET)
    page.wait(lambda: page.states == ["making"] * 3)
    assert page.run("return sessionStorage.length") == 1


def test_an_upload_token_that_allows_no_options_does_instead_of_a_key(browser, guarded):
    headers = {"X-API-Key": "secret"}
    token = requests.post(f"{guarded}/tokens", json={}, headers=headers, timeout=20).json()["token"]
    page = Wall(browser, guarded)
    page.choose(ROCKET)
    page.wait(lambda: page.one("#key").is_displayed())
    page.one("#key-field").send_keys(token + Keys.ENTER)
    page.wait(lambda: page.states == ["making"])


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

    page = Wall(browser, url)
    browser.get(url + path)
    page.wait(lambda: brightness("light") > 200)
    page.wait(lambda: brightness("dark") < 60)


def test_nothing_moves_where_people_want_it_still(page):
    def moving():
        script = """
            const moves = ({ transitionDuration: time, animationName: name }) =>
              name !== "none" || !/^(0s(, )?)+$/.test(time);
            return [...document.querySelectorAll("*")]
              .filter(each => moves(getComputedStyle(each))).map(each => each.className);
        """
        return page.run(script)

    page.choose(ROCKET)
    page.settle("done")
    assert "thumbnail" in moving()
    features = [{"name": "prefers-reduced-motion", "value": "reduce"}]
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    assert moving() == []
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
