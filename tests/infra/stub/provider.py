"""A provider as Terraform sees it: the calls of the plugin protocol, answered from a `Cloud`."""

from typing import Any

from tests.infra.stub import data, runs
from tests.infra.stub.cloud import Cloud, Refused, Wanted, is_fixed
from tests.infra.stub.protocol import message
from tests.infra.stub.schema import Block, schemas
from tests.infra.stub.values import UNKNOWN, completed, decoded, encoded, written

_ERROR = 1  # tfplugin5: Diagnostic.Severity


class Provider:
    """Answers the calls of `protocol.CALLS`.

    Args:
        name: google, time or another that infra/provider-schema.json has.
        cloud: what its resources are made in.
    """

    def __init__(self, name: str, cloud: Cloud) -> None:
        self._cloud = cloud
        self._kinds = schemas()[name]
        self._default_labels: dict[str, str] = {}
        empty = Block(message("Block"), (), {})
        self._own = self._kinds["provider"].get(name, empty)

    def GetSchema(self, _: Any) -> Any:  # noqa: N802 - the protocol names the calls
        def described(kind: str) -> list[Any]:
            return [
                message("ResourceEntry", key=name, value=message("Schema", block=block.described))
                for name, block in self._kinds[kind].items()
            ]

        return message(
            "SchemaResponse",
            provider=message("Schema", block=self._own.described),
            resource_schemas=described("resource"),
            data_source_schemas=described("data"),
        )

    def PrepareProviderConfig(self, request: Any) -> Any:  # noqa: N802
        return message("PrepareResponse", prepared_config=request.config)

    def ValidateResourceTypeConfig(self, _: Any) -> Any:  # noqa: N802
        return message("DiagnosticsResponse")

    ValidateDataSourceConfig = ValidateResourceTypeConfig

    def UpgradeResourceState(self, request: Any) -> Any:  # noqa: N802
        state = message("DynamicValue", json=request.raw_state.json)
        return message("UpgradeResponse", upgraded_state=state)

    def Configure(self, request: Any) -> Any:  # noqa: N802
        config = decoded(request.config) or {}
        self._default_labels = config.get("default_labels") or {}
        return message("DiagnosticsResponse")

    def ReadResource(self, request: Any) -> Any:  # noqa: N802
        state = self._cloud.read(decoded(request.current_state))
        return message("ReadResponse", new_state=encoded(state), private=request.private)

    def PlanResourceChange(self, request: Any) -> Any:  # noqa: N802
        proposed, prior = decoded(request.proposed_new_state), decoded(request.prior_state)
        if proposed is None:
            return message("PlanResponse", planned_state=encoded(None))
        schema = self._kinds["resource"][request.type_name]
        planned = completed(proposed, schema, lambda _: None if prior else UNKNOWN)
        self._label(planned)
        paths = [
            message("AttributePath", steps=[message("Step", attribute_name=name)])
            for name in planned
            if prior and is_fixed(request.type_name, name) and prior[name] != planned[name]
        ]
        return message(
            "PlanResponse",
            planned_state=encoded(planned),
            requires_replace=paths,
            # As all providers say that are built on HashiCorp's older SDK.
            legacy_type_system=True,
        )

    def _label(self, planned: dict[str, Any]) -> None:
        """Add the labels of the provider to those of the resource, as the real one does."""
        if "effective_labels" in planned:
            own = planned.get("labels") or {}
            labels = own if own is UNKNOWN else self._default_labels | own
            planned["effective_labels"] = planned["terraform_labels"] = labels

    def ApplyResourceChange(self, request: Any) -> Any:  # noqa: N802
        planned, prior = decoded(request.planned_state), decoded(request.prior_state)
        kind = request.type_name
        try:
            if planned is None:
                self._cloud.delete(kind, prior)
                return message("ApplyResponse", new_state=encoded(None))
            wanted = Wanted(kind, written(decoded(request.config)), planned)
            if prior is None:
                given = self._cloud.create(wanted)
            else:
                given = self._cloud.update(prior["id"], wanted)
        except (Refused, runs.Invalid) as refused:
            diagnostic = message("Diagnostic", severity=_ERROR, summary=str(refused))
            state = encoded(prior)
            return message("ApplyResponse", new_state=state, diagnostics=[diagnostic])
        schema = self._kinds["resource"][kind]
        state = completed(planned, schema, given.get)
        return message("ApplyResponse", new_state=encoded(state), legacy_type_system=True)

    def ReadDataSource(self, request: Any) -> Any:  # noqa: N802
        config = decoded(request.config)
        found = data.read(request.type_name, config)
        schema = self._kinds["data"][request.type_name]
        state = completed(config, schema, found.get)
        return message("DataResponse", state=encoded(state))

    def Stop(self, _: Any) -> Any:  # noqa: N802
        return message("StopResponse")
