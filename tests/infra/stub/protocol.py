"""The part of Terraform's plugin protocol 5 that a provider needs, as protobuf messages.

Numbers and names are those of
https://developer.hashicorp.com/terraform/plugin/terraform-plugin-protocol (tfplugin5).
"""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "tfplugin5"
VERSION = 5

# message: number, name and type of each field; [] after a type: repeated.
MESSAGES = {
    "DynamicValue": "1 msgpack bytes, 2 json bytes",
    "Step": "1 attribute_name string, 2 element_key_string string, 3 element_key_int int64",
    "AttributePath": "1 steps Step[]",
    "Diagnostic": "1 severity int32, 2 summary string, 3 detail string, 4 attribute AttributePath",
    "Empty": "",
    "RawState": "1 json bytes",
    "Attribute": "1 name string, 2 type bytes, 4 required bool, 5 optional bool, 6 computed bool",
    "Block": "1 version int64, 2 attributes Attribute[], 3 block_types NestedBlock[]",
    "NestedBlock": (
        "1 type_name string, 2 block Block, 3 nesting int32, 4 min_items int64, 5 max_items int64"
    ),
    "Schema": "1 version int64, 2 block Block",
    "ResourceEntry": "1 key string, 2 value Schema",
    "SchemaResponse": (
        "1 provider Schema, 2 resource_schemas ResourceEntry[], "
        "3 data_source_schemas ResourceEntry[], 4 diagnostics Diagnostic[]"
    ),
    "ConfigRequest": "1 config DynamicValue",
    "PrepareResponse": "1 prepared_config DynamicValue, 2 diagnostics Diagnostic[]",
    "UpgradeRequest": "1 type_name string, 2 version int64, 3 raw_state RawState",
    "UpgradeResponse": "1 upgraded_state DynamicValue, 2 diagnostics Diagnostic[]",
    "ValidateRequest": "1 type_name string, 2 config DynamicValue",
    "DiagnosticsResponse": "1 diagnostics Diagnostic[]",
    "ConfigureRequest": "1 terraform_version string, 2 config DynamicValue",
    "ReadRequest": "1 type_name string, 2 current_state DynamicValue, 3 private bytes",
    "ReadResponse": "1 new_state DynamicValue, 2 diagnostics Diagnostic[], 3 private bytes",
    "PlanRequest": (
        "1 type_name string, 2 prior_state DynamicValue, 3 proposed_new_state DynamicValue, "
        "4 config DynamicValue, 5 prior_private bytes"
    ),
    "PlanResponse": (
        "1 planned_state DynamicValue, 2 requires_replace AttributePath[], "
        "3 planned_private bytes, 4 diagnostics Diagnostic[], 5 legacy_type_system bool"
    ),
    "ApplyRequest": (
        "1 type_name string, 2 prior_state DynamicValue, 3 planned_state DynamicValue, "
        "4 config DynamicValue, 5 planned_private bytes"
    ),
    "ApplyResponse": (
        "1 new_state DynamicValue, 2 private bytes, 3 diagnostics Diagnostic[], "
        "4 legacy_type_system bool"
    ),
    "DataRequest": "1 type_name string, 2 config DynamicValue",
    "DataResponse": "1 state DynamicValue, 2 diagnostics Diagnostic[]",
    "StopResponse": "1 error string",
}

CALLS = {
    "GetSchema": ("Empty", "SchemaResponse"),
    "PrepareProviderConfig": ("ConfigRequest", "PrepareResponse"),
    "ValidateResourceTypeConfig": ("ValidateRequest", "DiagnosticsResponse"),
    "ValidateDataSourceConfig": ("ValidateRequest", "DiagnosticsResponse"),
    "UpgradeResourceState": ("UpgradeRequest", "UpgradeResponse"),
    "Configure": ("ConfigureRequest", "DiagnosticsResponse"),
    "ReadResource": ("ReadRequest", "ReadResponse"),
    "PlanResourceChange": ("PlanRequest", "PlanResponse"),
    "ApplyResourceChange": ("ApplyRequest", "ApplyResponse"),
    "ReadDataSource": ("DataRequest", "DataResponse"),
    "Stop": ("Empty", "StopResponse"),
}

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS = {
    "bool": _Field.TYPE_BOOL,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "string": _Field.TYPE_STRING,
}


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="tests/infra/stub/tfplugin5.proto", package=PACKAGE, syntax="proto3"
    )
    for message, fields in MESSAGES.items():
        described = file.message_type.add(name=message)
        for text in filter(None, fields.split(", ")):
            number, name, kind = text.split(" ")
            element = kind.removesuffix("[]")
            field = described.field.add(name=name, number=int(number))
            field.label = _Field.LABEL_REPEATED if kind != element else _Field.LABEL_OPTIONAL
            if element in _SCALARS:
                field.type = _SCALARS[element]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".{PACKAGE}.{element}"
    return file


# A pool of its own: nothing else in the process sees these types.
_pool = descriptor_pool.DescriptorPool()
_pool.Add(_described())


def message(kind: str, /, **fields: Any) -> Any:
    """Return a message of that name."""
    return _class(kind)(**fields)


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))


def handlers(provider: Any) -> grpc.GenericRpcHandler:
    """Return what makes a gRPC server call the methods of `provider`, one for each of CALLS."""

    def handler(call: str) -> grpc.RpcMethodHandler:
        request, response = CALLS[call]
        method: Callable[[Any], Any] = getattr(provider, call)
        return grpc.unary_unary_rpc_method_handler(
            lambda message, _: method(message),
            request_deserializer=_class(request).FromString,
            response_serializer=_class(response).SerializeToString,
        )

    return grpc.method_handlers_generic_handler(
        f"{PACKAGE}.Provider", {call: handler(call) for call in CALLS}
    )
