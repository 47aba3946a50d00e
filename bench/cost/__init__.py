"""What QuickThumb costs on Google Cloud: measured on this machine, multiplied with list prices.

calls.py and month.py are arithmetic, prices.py and record.py read what it works with, uploads.py
and sweeps.py measure on the emulator, and tables.py writes down what comes out.
"""
