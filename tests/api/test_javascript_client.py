"""The JavaScript client that a service hands out, in Node.js, against that service."""

import json
import re
import shutil
import subprocess

import pytest
import requests

from emulator.bootstrap import ROOT
from tests.api.test_python_client import KEY, SIGNING_KEY, large, service
from tests.pictures import ROCKET

__all__ = ["large", "service"]

WEB = ROOT / "functions" / "quickthumb" / "web"


@pytest.fixture(scope="module")
def node(service, tmp_path_factory):
    """Return what runs a program with the client, as it is downloaded from the service."""
    program = shutil.which("node")
    if not program:
        pytest.skip("needs Node.js 20 or newer (Debian: nodejs)")
    folder = tmp_path_factory.mktemp("client")
    client = requests.get(f"{service}/web/quickthumb.js", timeout=30).content
    (folder / "quickthumb.mjs").write_bytes(client)

    def run(code, *arguments):
        path = folder / "program.mjs"
        path.write_text(
            'import { openAsBlob } from "node:fs";\n'
            'import * as lib from "./quickthumb.mjs";\n'
            "const [url, key, signingKey, ...args] = process.argv.slice(2);\n"
            "const client = new lib.QuickThumb(url, { key, signingKey });\n"
            "const say = (value) => console.log(JSON.stringify(value));\n"
            "const caught = (promise) => promise.then(() => null, (error) => error);\n" + code
        )
        command = [program, str(path), service, KEY, SIGNING_KEY, *map(str, arguments)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    return run


def test_a_picture_is_uploaded_awaited_shown_and_deleted(node, service):
    told = node(
        """
        const seen = [];
        const onProgress = (...at) => seen.push(at);
        const picture = await openAsBlob(args[0]);
        const options = { sizes: [64, 256], metadata: { album: "7" }, onProgress };
        const upload = await client.upload(picture, options);
        const status = await client.wait(upload.id);
        const blob = await client.download(upload.links["64"]);
        const srcset = client.srcset(status);
        const gone = [await client.delete(upload.id), await client.delete(upload.id)];
        say({ seen, upload, status, size: blob.size, type: blob.type, srcset, gone });
        """,
        ROCKET,
    )
    id, size = told["upload"]["id"], ROCKET.stat().st_size
    assert (told["status"]["status"], told["status"]["metadata"]) == ("done", {"album": "7"})
    assert told["srcset"] == f"{service}/{id}/64 64w, {service}/{id}/256 256w"
    assert told["seen"][-1] == [size, size]
    assert (told["type"], told["size"] > 500) == ("image/jpeg", True)
    assert told["gone"] == [True, False]


def test_a_problem_says_its_type_and_what_to_do(node):
    told = node(
        """
        const refused = await caught(client.upload(new Blob(["no picture"])));
        const unknown = await caught(new lib.QuickThumb(url).upload(await openAsBlob(args[0])));
        const damaged = await client.upload((await openAsBlob(args[0])).slice(0, 20000));
        const failed = await caught(client.wait(damaged.id));
        const nobody = new lib.QuickThumb("http://127.0.0.1:1", { tries: 2 });
        const silent = await caught(nobody.status("a"));
        const told = ({ name, code, type, advice }) => [name, code, type, advice];
        say([refused, unknown, failed, silent].map(told));
        """,
        ROCKET,
    )
    change = "Change file: repeating it will not help."
    assert told[0] == ["Problem", "not-a-picture", "/problems/not-a-picture", change]
    assert told[1][:2] == ["Problem", "unauthorized"]
    assert told[1][3] == "Give a valid API key or upload token."
    assert told[2][:2] == ["JobFailed", "corrupt"]
    assert told[3][0] == "Unreachable"


def test_a_large_picture_is_resumed_where_its_connection_broke_off(node, large):
    told = node(
        """
        const seen = [];
        const picture = await openAsBlob(args[0]);
        const session = await client.announce(picture.size, { filename: "scan.bmp", sizes: [64] });
        let left = 1;
        const ask = globalThis.fetch;
        globalThis.fetch = async (target, options) => {
          const isSecondChunk = options.headers["Content-Range"]?.startsWith("bytes 8388608-");
          if (isSecondChunk && left-- > 0) {
            const abort = new AbortController();
            setTimeout(() => abort.abort(), 3);
            return ask(target, { ...options, signal: abort.signal });
          }
          return ask(target, options);
        };
        await client.send(session.url, picture, { onProgress: (...at) => seen.push(at) });
        const status = await client.wait(session.id);
        say({ seen, size: picture.size, made: Object.keys(status.thumbnails), left });
        """,
        large,
    )
    assert told["left"] <= 0
    assert told["made"] == ["64"]
    positions = [at for at, _ in told["seen"]]
    assert positions == sorted(positions)
    assert positions[-1] == told["size"] == large.stat().st_size


def test_more_thumbnails_are_asked_for_later_and_by_signed_address(node):
    told = node(
        """
        const options = { sizes: [64, 96], format: "negotiate" };
        const upload = await client.upload(await openAsBlob(args[0]), options);
        const srcset = client.srcset(await client.wait(upload.id));
        const small = await client.more(upload.id, { sizes: 32, format: "negotiate", quality: 70 });
        for (const link of Object.values(small.links)) await client.download(link);
        const grown = client.srcset(await client.status(upload.id));
        const more = await client.more(upload.id, { sizes: 96, fit: "cover" });
        const square = await client.download(Object.values(more.links)[0]);
        const cropped = { fit: "cover", focus: [0.5, 0.25] };
        const signed = await client.signed(upload.id, "40x30.webp", cropped);
        const made = await client.download(signed);
        const forged = await fetch(signed.slice(0, -1) + (signed.endsWith("0") ? "1" : "0"));
        say({
          ...{ id: upload.id, srcset, grown, square: square.type },
          ...{ made: made.type, forged: forged.status },
        });
        """,
        ROCKET,
    )
    assert (told["square"], told["made"], told["forged"]) == ("image/jpeg", "image/webp", 403)
    assert re.fullmatch(rf"\S+/{told['id']}/64 64w, \S+/{told['id']}/96 96w", told["srcset"])
    assert re.fullmatch(r"\S+/32-negotiate-q70 32w, " + re.escape(told["srcset"]), told["grown"])


def test_a_token_is_asked_for_each_upload_and_a_signal_ends_a_call(node):
    told = node(
        """
        let asked = 0;
        const token = () => { asked += 1; return client.token({ options: { sizes: [64] } }); };
        const page = new lib.QuickThumb(url, { token });
        const picture = await openAsBlob(args[0]);
        const uploads = [await page.upload(picture), await page.upload(picture)];
        const status = await page.wait(uploads[1].id);
        const aborted = await caught(page.upload(picture, { signal: AbortSignal.abort() }));
        say({ asked, made: Object.keys(status.thumbnails), aborted: aborted.name });
        """,
        ROCKET,
    )
    assert told == {"asked": 2, "made": ["64"], "aborted": "AbortError"}


def test_the_types_name_what_the_module_has():
    def members(text, start):
        body = text[text.index(start) :]
        body = body[: body.index("\n}\n")]
        names = re.findall(r"^  (?:async |get |readonly )?(\w+)\(", body, re.MULTILINE)
        return {name for name in names if name not in ("if", "for", "constructor")}

    code = (WEB / "quickthumb.js").read_text()
    types = (WEB / "quickthumb.d.ts").read_text()
    exported = r"^export (?:async )?(?:class|function) (\w+)"
    assert set(re.findall(exported, code, re.MULTILINE)) == set(
        re.findall(exported, types, re.MULTILINE)
    )
    for start in ("export class QuickThumb {", "export class Problem "):
        assert members(code, start) == members(types, start)
