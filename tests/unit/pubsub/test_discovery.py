"""Health checking and reflection, with the clients of the packages that define them."""

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from emulator.pubsub import Broker

PUBLISHER, SUBSCRIBER = "google.pubsub.v1.Publisher", "google.pubsub.v1.Subscriber"
SCHEMAS, IAM = "google.pubsub.v1.SchemaService", "google.iam.v1.IAMPolicy"


@pytest.fixture
def broker():
    with Broker() as broker:
        yield broker


@pytest.fixture
def channel(broker):
    with grpc.insecure_channel(broker.address) as channel:
        yield channel


@pytest.fixture
def described(channel):
    return ProtoReflectionDescriptorDatabase(channel)


def check(channel, service):
    stub = health_pb2_grpc.HealthStub(channel)
    return stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20).status


@pytest.mark.parametrize("service", ["", PUBLISHER, SUBSCRIBER])
def test_the_broker_and_its_services_are_healthy(channel, service):
    assert check(channel, service) == health_pb2.HealthCheckResponse.SERVING


def test_no_other_service_is_known(channel):
    with pytest.raises(grpc.RpcError) as refused:
        check(channel, "google.pubsub.v1.Postman")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


def test_whoever_watches_is_released_when_the_broker_stops(caplog):
    with Broker() as broker:
        channel = grpc.insecure_channel(broker.address)
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
    assert list(watched) == []
    channel.close()
    assert caplog.text == ""


def test_reflection_lists_every_service(described):
    assert sorted(described.get_services()) == [
        IAM,
        PUBLISHER,
        SCHEMAS,
        SUBSCRIBER,
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    ]


@pytest.mark.parametrize(
    ("service", "method", "request_type", "response_type"),
    [
        (PUBLISHER, "Publish", "PublishRequest", "PublishResponse"),
        (PUBLISHER, "UpdateTopic", "UpdateTopicRequest", "Topic"),
        (PUBLISHER, "DeleteTopic", "DeleteTopicRequest", "google.protobuf.Empty"),
        (SUBSCRIBER, "CreateSubscription", "Subscription", "Subscription"),
        (SCHEMAS, "CreateSchema", "CreateSchemaRequest", "Schema"),
        (SCHEMAS, "CommitSchema", "CommitSchemaRequest", "Schema"),
        (SCHEMAS, "DeleteSchemaRevision", "DeleteSchemaRevisionRequest", "Schema"),
        (SCHEMAS, "DeleteSchema", "DeleteSchemaRequest", "google.protobuf.Empty"),
        (
            SCHEMAS,
            "ListSchemaRevisions",
            "ListSchemaRevisionsRequest",
            "ListSchemaRevisionsResponse",
        ),
        (IAM, "SetIamPolicy", "google.iam.v1.SetIamPolicyRequest", "google.iam.v1.Policy"),
        (SUBSCRIBER, "Acknowledge", "AcknowledgeRequest", "google.protobuf.Empty"),
    ],
)
def test_reflection_describes_methods(described, service, method, request_type, response_type):
    found = DescriptorPool(described).FindServiceByName(service).methods_by_name[method]
    types = [found.input_type.full_name, found.output_type.full_name]
    assert [name.removeprefix("google.pubsub.v1.") for name in types] == [
        request_type,
        response_type,
    ]
    assert not found.client_streaming
    assert not found.server_streaming


def test_streaming_pull_is_described_as_a_stream(described):
    methods = DescriptorPool(described).FindServiceByName(SUBSCRIBER).methods_by_name
    assert methods["StreamingPull"].client_streaming
    assert methods["StreamingPull"].server_streaming


def test_a_client_that_knows_nothing_can_call_what_reflection_describes(channel, described):
    methods = DescriptorPool(described).FindServiceByName(PUBLISHER).methods_by_name
    method = methods["CreateTopic"]
    request = GetMessageClass(method.input_type)(name="projects/p/topics/things")
    answer = channel.unary_unary(
        f"/{PUBLISHER}/CreateTopic",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )(request, timeout=20)
    assert answer.name == "projects/p/topics/things"
