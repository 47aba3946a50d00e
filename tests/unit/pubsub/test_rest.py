"""The REST API of a running broker, by plain HTTP."""

import base64
import http.client
import json
import re
import socket
import threading

import pytest

from emulator.pubsub import Broker
from emulator.pubsub.doors import http_server
from emulator.pubsub.doors.routes import ROUTES

TOPIC, SUBSCRIPTION = "projects/rest/topics/greetings", "projects/rest/subscriptions/greetings"


class Client:
    """Sends requests over one connection."""

    def __init__(self, address: str) -> None:
        self.address = address
        host, _, port = address.rpartition(":")
        self.connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=30)

    def __call__(self, method, path, document=None, **headers):
        """Return status and document of the response."""
        body = None if document is None else json.dumps(document)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, body, named)
        self.response = self.connection.getresponse()
        text = self.response.read()
        kind = self.response.headers.get("Content-Type", "")
        return self.response.status, json.loads(text) if "json" in kind else text.decode()


@pytest.fixture(scope="module")
def broker():
    with Broker() as broker:
        yield broker


@pytest.fixture
def call(broker):
    client = Client(broker.address)
    yield client
    client.connection.close()


@pytest.fixture
def topic(call):
    call("PUT", f"/v1/{TOPIC}")
    call("PUT", f"/v1/{SUBSCRIPTION}", {"topic": TOPIC})
    yield TOPIC
    call("DELETE", f"/v1/{SUBSCRIPTION}")
    call("DELETE", f"/v1/{TOPIC}")


def publish(call, *data, **message):
    messages = [{"data": base64.b64encode(item).decode(), **message} for item in data]
    return call("POST", f"/v1/{TOPIC}:publish", {"messages": messages})


def pull(call, count=10):
    request = {"maxMessages": count, "returnImmediately": True}
    return call("POST", f"/v1/{SUBSCRIPTION}:pull", request)[1].get("receivedMessages", [])


def raw(broker, request, *, until=b""):
    """Send bytes, and return all that comes until the connection is closed, or until this."""
    host, _, port = broker.address.rpartition(":")
    answer = b""
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        while not (until and until in answer) and (part := connection.recv(65_536)):
            answer += part
    return answer


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_it_says_that_it_is_there(call, method):
    assert call(method, "/") == (200, "Ok\n" if method == "GET" else "")
    assert call("GET", "/")[0] == 200


def test_several_requests_share_a_connection(call, topic):
    used = call.connection.sock
    publish(call, b"one")
    pull(call)
    assert call.connection.sock is used


def test_requests_sent_at_once_are_answered_in_turn(broker):
    first = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = raw(broker, first * 3 + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.index(b"404 Not Found") > answer.rindex(b"200 OK")


def test_a_request_may_come_byte_by_byte(broker):
    host, _, port = broker.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Begins like the preface of HTTP/2.
        for byte in b"PRIVATE / HTTP/1.1\r\nHost: localhost\r\n\r\n":
            connection.sendall(bytes([byte]))
        assert connection.recv(65_536).startswith(b"HTTP/1.1 404")


def test_a_client_that_waits_to_be_asked_for_the_body_is(broker):
    head = (
        b"POST / HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    )
    assert raw(broker, head, until=b"\r\n\r\n").startswith(b"HTTP/1.1 100")


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00\x01\x00", b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"]
)
def test_what_is_not_http_is_refused(broker, garbage):
    answer = raw(broker, garbage + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_body_beyond_the_limit_is_refused(broker):
    size = http_server.MAX_BODY_BYTES + 1
    head = f"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n".encode()
    host, _, port = broker.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head)
        sent = 0
        try:
            while sent < size:
                sent += connection.send(bytes(min(size - sent, 2**20)))
            answer = connection.recv(65_536)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""  # It was refused before all was sent.
    assert sent < size or answer.startswith(b"HTTP/1.1 413")


def test_a_request_larger_than_a_message_may_be_is_refused_as_over_grpc(call, topic):
    status, document = publish(call, bytes(10_500_000))
    assert status == 400
    assert "request_size" in document["error"]["message"]


def test_query_parameters_that_contradict_each_other_are_refused(call, topic):
    status, document = call("PATCH", f"/v1/{TOPIC}?topic=greetings&topic.name=greetings")
    assert (status, document["error"]["status"]) == (400, "INVALID_ARGUMENT")


def test_connections_that_hold_too_much_together_are_refused(call, topic, monkeypatch):
    monkeypatch.setattr(http_server, "MAX_BODIES_BYTES", 1_000)
    assert publish(call, bytes(2_000))[0] == 413
    call.connection.close()
    assert publish(call, bytes(20))[0] == 200


def test_a_message_is_published_pulled_and_acknowledged(call, topic):
    status, published = publish(call, b"\xff\x00hello", attributes={"a": "ü"})
    assert status == 200
    [received] = pull(call)
    message = received["message"]
    assert base64.b64decode(message["data"]) == b"\xff\x00hello"
    assert message["attributes"] == {"a": "ü"}
    assert [message["messageId"]] == published["messageIds"]
    assert message["publishTime"].endswith("Z")
    acknowledged = {"ackIds": [received["ackId"]]}
    assert call("POST", f"/v1/{SUBSCRIPTION}:acknowledge", acknowledged) == (200, {})
    assert pull(call) == []


@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("padding", ["=", ""])
def test_data_may_be_in_both_kinds_of_base64(call, topic, encode, padding):
    text = encode(b"\xfb\xff\xfe?").decode().rstrip("=") + padding * 2
    message = {"messages": [{"data": text}]}
    assert call("POST", f"/v1/{TOPIC}:publish", message)[0] == 200
    assert base64.b64decode(pull(call)[0]["message"]["data"]) == b"\xfb\xff\xfe?"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ('{"messages":', "Expecting value"),
        ("[]", "not an object"),
        ('{"messages":[{"data":"%%%"}]}', "data is not base64"),
        ('{"messages":[{"data":7}]}', "data is not base64"),
        ('{"messages":{"data":""}}', "messages"),
        ('{"messages":["x"]}', "messages"),
        ('{"messages":[{"attributes":{"a":1}}]}', "attributes"),
        ('{"bogus":1}', "bogus"),
        ('{"messages":[{"attributes":{"a":"\\ud800"}}]}', "Invalid JSON"),
        ("[" * 100_000, "Invalid JSON"),
        ('{"a":' * 100_000, "Invalid JSON"),
        ("\udcff", "Invalid JSON"),
    ],
)
def test_a_body_that_does_not_fit_is_refused_with_the_reason(call, topic, body, named):
    encoded = body.encode("utf-8", "surrogateescape")
    call.connection.request("POST", f"/v1/{TOPIC}:publish", encoded)
    response = call.connection.getresponse()
    error = json.loads(response.read())["error"]
    assert (response.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert named in error["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "name"),
    [
        ("GET", f"/v1/{TOPIC}-missing", 404, "NOT_FOUND"),
        ("PUT", f"/v1/{TOPIC}", 409, "ALREADY_EXISTS"),
        ("PUT", "/v1/projects/rest/topics/a", 400, "INVALID_ARGUMENT"),
        ("GET", "/v1/projects/rest/topics?pageSize=-1", 400, "INVALID_ARGUMENT"),
        ("GET", "/v1/projects/rest/topics?pageSize=many", 400, "INVALID_ARGUMENT"),
        ("GET", "/v1/projects/rest/topics?bogus=1", 400, "INVALID_ARGUMENT"),
        ("GET", "/v1/projects/rest/topics?pageSize.bogus=1", 400, "INVALID_ARGUMENT"),
        ("GET", "/v1/nonsense", 404, "NOT_FOUND"),
        ("POST", "/v1/projects/rest/topics", 404, "NOT_FOUND"),
        ("GET", "/v1/projects/rest/schemas/missing", 404, "NOT_FOUND"),
        ("GET", f"/v1/{TOPIC}-missing:getIamPolicy", 404, "NOT_FOUND"),
    ],
)
def test_an_error_has_its_status_and_its_name(call, topic, method, path, status, name):
    told, document = call(method, path)
    assert told == status
    assert document["error"]["code"] == status
    assert document["error"]["status"] == name


def test_what_only_google_cloud_does_is_not_implemented(call):
    transforms = [{"javascriptUdf": {"functionName": "f", "code": "function f(m) {return m}"}}]
    status, document = call("PUT", f"/v1/{TOPIC}", {"messageTransforms": transforms})
    assert (status, document["error"]["status"]) == (501, "UNIMPLEMENTED")


def test_every_route_leads_to_a_method(call):
    for route in ROUTES:
        path = re.sub(
            r"\{.+?=(.+?)\}", lambda found: found[1].replace("*", "nobody"), route.template
        )
        assert call(route.verb, path)[0] in (200, 400, 404), route


AVRO = json.dumps({"type": "record", "name": "Order", "fields": [{"name": "n", "type": "int"}]})
MORE = AVRO.replace("]", ', {"name": "m", "type": "int", "default": 0}]')


def test_a_schema_is_made_changed_set_back_and_deleted(call):
    path = "projects/rest/schemas/order"
    made = call("POST", "/v1/projects/rest/schemas?schemaId=order", schema(AVRO))
    assert (made[0], made[1]["name"], made[1]["type"]) == (200, path, "AVRO")
    committed = call("POST", f"/v1/{path}:commit", {"schema": {"name": path, **schema(MORE)}})[1]
    assert call("GET", f"/v1/{path}")[1]["revisionId"] == committed["revisionId"]
    [listed] = call("GET", "/v1/projects/rest/schemas?view=FULL")[1]["schemas"]
    assert listed["definition"] == MORE
    first = {"revisionId": made[1]["revisionId"]}
    restored = call("POST", f"/v1/{path}:rollback", first)[1]
    assert restored["definition"] == AVRO
    revisions = call("GET", f"/v1/{path}:listRevisions")[1]["schemas"]
    assert [entry["revisionId"] for entry in revisions] == [
        first["revisionId"],
        committed["revisionId"],
        restored["revisionId"],
    ]
    gone = f"/v1/{path}@{first['revisionId']}"
    assert call("DELETE", f"{gone}:deleteRevision")[0] == 200
    assert call("GET", gone)[0] == 404
    assert call("DELETE", f"/v1/{path}") == (200, {})


def schema(definition):
    return {"type": "AVRO", "definition": definition}


def test_schemas_and_messages_are_validated(call):
    path = "/v1/projects/rest/schemas"
    assert call("POST", f"{path}:validate", {"schema": schema(AVRO)}) == (200, {})
    assert call("POST", f"{path}:validate", {"schema": schema("{}")})[0] == 400
    for text, status in ((b'{"n": 1}', 200), (b'{"n": "one"}', 400)):
        message = {"message": base64.b64encode(text).decode(), "encoding": "JSON"}
        asked = {"schema": schema(AVRO), **message}
        assert call("POST", f"{path}:validateMessage", asked)[0] == status


def test_a_topic_refuses_what_does_not_fit_its_schema_and_says_why(call, topic):
    call("POST", "/v1/projects/rest/schemas?schemaId=strict", schema(AVRO))
    settings = {"schema": "projects/rest/schemas/strict", "encoding": "JSON"}
    changes = {"topic": {"schemaSettings": settings}, "updateMask": "schemaSettings"}
    assert call("PATCH", f"/v1/{TOPIC}", changes)[0] == 200
    status, document = publish(call, b'{"n": "one"}')
    assert (status, document["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert document["error"]["details"][0]["domain"] == "pubsub.googleapis.com"
    assert publish(call, b'{"n": 1}')[0] == 200
    [received] = pull(call)
    assert received["message"]["attributes"]["googclient_schemaencoding"] == "JSON"
    assert call("DELETE", "/v1/projects/rest/schemas/strict")[0] == 200


def test_a_policy_is_kept_unless_another_one_came_first(call, topic):
    bindings = [{"role": "roles/pubsub.viewer", "members": ["allUsers"]}]
    _, before = call("GET", f"/v1/{TOPIC}:getIamPolicy?options.requestedPolicyVersion=3")
    policy = {"policy": {**before, "bindings": bindings}}
    status, after = call("POST", f"/v1/{TOPIC}:setIamPolicy", policy)
    assert (status, after["bindings"]) == (200, bindings)
    assert call("GET", f"/v1/{TOPIC}:getIamPolicy") == (200, after)
    status, document = call("POST", f"/v1/{TOPIC}:setIamPolicy", policy)
    assert (status, document["error"]["status"]) == (409, "ABORTED")
    wanted = {"permissions": ["pubsub.topics.publish"]}
    assert call("POST", f"/v1/{TOPIC}:testIamPermissions", wanted) == (200, wanted)


@pytest.mark.parametrize("spelling", ["ackDeadlineSeconds", "ack_deadline_seconds"])
def test_a_mask_says_what_is_changed(call, topic, spelling):
    changes = {"ackDeadlineSeconds": 33, "labels": {"a": "b"}}
    request = {"subscription": changes, "updateMask": spelling}
    status, changed = call("PATCH", f"/v1/{SUBSCRIPTION}", request)
    assert status == 200
    assert changed["ackDeadlineSeconds"] == 33
    assert "labels" not in changed


def test_a_list_comes_in_pages(call):
    paths = [f"projects/pages/topics/t-{number}" for number in range(5)]
    for path in paths:
        call("PUT", f"/v1/{path}")
    seen, token = [], ""
    while token is not None:
        _, page = call("GET", f"/v1/projects/pages/topics?pageSize=2&pageToken={token}&alt=json")
        assert len(page["topics"]) <= 2
        seen += [topic["name"] for topic in page["topics"]]
        token = page.get("nextPageToken")
    assert seen == paths


def test_enumerations_are_numbers_where_the_client_asks_for_them(call, topic):
    assert call("GET", f"/v1/{TOPIC}")[1]["state"] == "ACTIVE"
    assert call("GET", f"/v1/{TOPIC}?%24alt=json%3Benum-encoding%3Dint")[1]["state"] == 1


def test_a_pull_waits_for_a_message(broker, call, topic):
    waiting = Client(broker.address)
    received = []
    thread = threading.Thread(
        target=lambda: received.append(
            waiting("POST", f"/v1/{SUBSCRIPTION}:pull", {"maxMessages": 1})
        )
    )
    thread.start()
    publish(call, b"late")
    thread.join(20)
    [(status, document)] = received
    assert status == 200
    assert base64.b64decode(document["receivedMessages"][0]["message"]["data"]) == b"late"


def test_a_client_that_left_while_it_waited_receives_nothing(broker, call, topic):
    leaving = Client(broker.address)
    body = json.dumps({"maxMessages": 1})
    leaving("GET", "/")
    leaving.connection.request("POST", f"/v1/{SUBSCRIPTION}:pull", body)
    call("GET", "/")  # Answered after the broker has seen the other request,
    leaving.connection.close()
    call("GET", "/")  # and after it has seen the end of that connection.
    publish(call, b"for another")
    assert [item["message"]["data"] for item in pull(call)] == ["Zm9yIGFub3RoZXI="]


def test_refused_ack_ids_are_told_with_the_reason(call, topic):
    path = "/v1/projects/rest/subscriptions/exactly-once"
    call("PUT", path, {"topic": TOPIC, "enableExactlyOnceDelivery": True})
    publish(call, b"x")
    request = {"maxMessages": 1, "returnImmediately": True}
    [received] = call("POST", f"{path}:pull", request)[1]["receivedMessages"]
    acknowledgement = {"ackIds": [received["ackId"]]}
    assert call("POST", f"{path}:acknowledge", acknowledgement)[0] == 200
    status, document = call("POST", f"{path}:acknowledge", acknowledgement)
    call("DELETE", path)
    assert status == 400
    [detail] = document["error"]["details"]
    assert detail["@type"] == "type.googleapis.com/google.rpc.ErrorInfo"
    assert detail["metadata"] == {received["ackId"]: "PERMANENT_FAILURE_INVALID_ACK_ID"}


def test_a_page_of_this_machine_may_read_and_write(call, topic):
    origin = "http://localhost:3000"
    asked = {"Access-Control-Request-Method": "POST", "Origin": origin}
    assert call("OPTIONS", f"/v1/{TOPIC}:publish", **asked)[0] == 204
    assert call.response.headers["Access-Control-Allow-Origin"] == origin
    assert call("GET", f"/v1/{TOPIC}", Origin=origin)[0] == 200
    assert call.response.headers["Access-Control-Allow-Origin"] == origin
    assert call("GET", f"/v1/{TOPIC}-missing", Origin=origin)[0] == 404
    assert call.response.headers["Access-Control-Allow-Origin"] == origin


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.test"}, {"Host": "evil.test"}, {"Origin": "null"}]
)
@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS", "PUT"])
def test_a_foreign_page_is_refused_before_anything_happens(call, topic, method, headers):
    status, document = call(method, f"/v1/{TOPIC}", **headers)
    assert (status, document["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "Access-Control-Allow-Origin" not in call.response.headers
    assert call("GET", f"/v1/{TOPIC}")[0] == 200


def test_other_pages_are_allowed_as_configured():
    with Broker(origins=["https://app.example"]) as broker:
        call = Client(broker.address)
        assert call("GET", "/", Origin="https://app.example")[0] == 200
        assert call("GET", "/", Origin="https://evil.test")[0] == 403
        call.connection.close()


@pytest.mark.parametrize("host", ["::1", "localhost", "127.0.0.1"])
def test_it_listens_on_addresses_and_names(host):
    with Broker(host=host) as broker:
        call = Client(broker.address)
        assert broker.address.startswith("[::1]:" if host == "::1" else f"{host}:")
        assert call("GET", "/") == (200, "Ok\n")
        call.connection.close()


def test_it_answers_what_waits_when_it_stops_and_then_no_more():
    with Broker() as broker:
        call, waiting = Client(broker.address), Client(broker.address)
        call("PUT", f"/v1/{TOPIC}")
        call("PUT", f"/v1/{SUBSCRIPTION}", {"topic": TOPIC})
        waiting("GET", "/")
        body = json.dumps({"maxMessages": 1})
        waiting.connection.request("POST", f"/v1/{SUBSCRIPTION}:pull", body)
        call("GET", "/")  # Answered after the broker has seen the other.
    assert waiting.connection.getresponse().status == 503
    waiting.connection.close()
    call.connection.close()
    with pytest.raises(ConnectionRefusedError):
        call("GET", "/")
