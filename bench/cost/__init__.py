"""Estimates what QuickThumb costs on Google Cloud from local measurements and list prices.

calls.py and month.py compute, prices.py and record.py read the inputs, uploads.py and sweeps.py
measure on the emulator, and tables.py formats the results.
"""
