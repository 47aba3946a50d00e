"""One scripted trial of a deployment: infra/trial.sh.

It needs Python's standard library, terraform and gcloud, and nothing of ours but the smoke test and
the list of prices.
"""
