"""A stand-in for the providers and the cloud behind them, for the real Terraform.

Terraform talks to a provider over gRPC. Here a server of ours answers: it knows what resources look
like from infra/provider-schema.json, and keeps what is created in a file instead of a project. So
Terraform plans, applies and destroys the project's own *.tf without a cloud and without a registry.

    schema.py    the provider's schema, as Terraform wants it
    protocol.py  the messages of the plugin protocol
    values.py    values on the wire, and those that are not known yet
    cloud.py     what exists, and what the cloud would refuse
    provider.py  the calls that Terraform makes
    server.py    servers, and the variable that leads Terraform to them
"""
