"""Documents byte for byte as version 1 writes them: other versions read them, and a job done twice
leaves the same bytes."""

import json

import pytest

from quickthumb.documents import notes
from quickthumb.documents.job import Job
from quickthumb.documents.manifest import Failure, Manifest, Original, Placeholder, Thumbnail
from quickthumb.documents.rendition import Rendition
from quickthumb.problems import InvalidMessage

ID = "0123456789abcdef" * 2
FILENAME = 'Kätzchen "1".jpg'
GENERATION = 1700000000000001
ASKED = (
    Rendition.square(256),
    Rendition("kopf", 400, 300, "cover", "smart", "webp", 70, "#ffffff", 20_000),
)
RENDITIONS = (
    '[{"name":"256","width":256,"height":256},{"name":"kopf","width":400,"height":300,'
    '"fit":"cover","gravity":"smart","format":"webp","quality":70,"background":"#ffffff",'
    '"max_bytes":20000}]'
)
SHORT = (
    '[["256",256,256],["kopf",400,300,"cover","smart","webp",70,"#ffffff",20000],'
    '["b",8,8,null,null,null,null,"#000000"]]'
)
JOB = (
    f'{{"id":"{ID}","bucket":"originals","name":"{ID}","generation":{GENERATION},'
    f'"renditions":{RENDITIONS},"size":112525,"filename":"K\\u00e4tzchen \\"1\\".jpg"}}'
).encode()
DONE = (
    f'{{"schema":"1","state":"done","id":"{ID}","name":"{ID}","generation":{GENERATION},'
    '"original":{"content_type":"image/jpeg","width":640,"height":427,"orientation":6,'
    f'"bytes":112525}},"thumbnails":[{{"name":"256","blob":"{ID}/256.jpg",'
    '"content_type":"image/jpeg","width":256,"height":171,"bytes":6573,'
    f'"sha256":"{"ab" * 32}"}}],"failure":null,'
    '"placeholder":{"data_uri":"data:image/webp;base64,UklGRhoAAABXRUJQ","color":"#34568b"},'
    '"filename":"K\\u00e4tzchen \\"1\\".jpg"}'
).encode()
FAILED = (
    f'{{"schema":"1","state":"failed","id":"{ID}","name":"incoming/cat.jpg","generation":7,'
    '"original":null,"thumbnails":[],"failure":{"code":"corrupt",'
    '"detail":"The JPEG picture ends early \\u2013 \\u2028."},"placeholder":null,"filename":""}'
).encode()


def test_a_job_is_read_and_written():
    job = Job(ID, "originals", ID, GENERATION, ASKED, 112_525, FILENAME)
    assert Job.from_json(JOB) == job
    assert job.to_json() == JOB


def test_the_manifest_of_a_job_that_is_done_is_read_and_written():
    original = Original("image/jpeg", 640, 427, 6, 112_525)
    thumbnail = Thumbnail("256", f"{ID}/256.jpg", "image/jpeg", 256, 171, 6_573, "ab" * 32)
    placeholder = Placeholder("data:image/webp;base64,UklGRhoAAABXRUJQ", "#34568b")
    told = {"placeholder": placeholder, "filename": FILENAME}
    manifest = Manifest(ID, ID, GENERATION, original, (thumbnail,), **told)
    assert Manifest.from_json(DONE) == manifest
    assert manifest.to_json() == DONE


def test_the_manifest_of_a_job_that_failed_is_read_and_written():
    failure = Failure("corrupt", "The JPEG picture ends early \u2013 \u2028.")
    manifest = Manifest(ID, "incoming/cat.jpg", 7, failure=failure)
    assert Manifest.from_json(FAILED) == manifest
    assert manifest.to_json() == FAILED


def test_the_metadata_of_an_original_is_read_and_written():
    metadata = {"filename": FILENAME, "renditions": RENDITIONS}
    assert notes.read(metadata) == (FILENAME, ASKED, {})
    assert notes.written(FILENAME, ASKED) == metadata


def test_a_focus_is_the_last_value_of_a_thumbnail():
    focused = (Rendition("auge", 90, 60, "cover", focus=(0.25, 0.5)),)
    long = '[{"name":"auge","width":90,"height":60,"fit":"cover","focus":[0.25,0.5]}]'
    short = '[["auge",90,60,"cover",null,null,null,null,null,[0.25,0.5]]]'
    assert notes.written("", focused)["renditions"] == long
    assert notes.read({"renditions": long})[1] == notes.read({"renditions": short})[1] == focused
    job = Job(ID, "originals", ID, GENERATION, focused, 112_525, "")
    assert Job.from_json(job.to_json()) == job


@pytest.mark.parametrize("focus", ["[0.5]", "[0.5,1.5]", "[-0.1,0]", "[0,0,0]", '"0,0"', "0.5"])
def test_a_focus_outside_of_the_picture_is_refused(focus):
    with pytest.raises(InvalidMessage):
        notes.read({"renditions": f'[{{"name":"a","width":1,"height":1,"focus":{focus}}}]'})


def test_the_metadata_of_an_original_is_read_and_written_in_its_short_form():
    asked = (*ASKED, Rendition("b", 8, 8, background="#000000"))
    assert notes.read({"renditions": SHORT}) == (None, asked, {})
    lists = [rendition.to_list() for rendition in asked]
    assert json.dumps(lists, separators=(",", ":")) == SHORT
