"""One scripted trial of a deployment: infra/trial.sh.

It needs Python's standard library, terraform and gcloud, and from this repository only the smoke
test and the list prices.
"""
