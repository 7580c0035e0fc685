"""Runs one of whisper's tools as if it were another time, so that what it does can be compared.

    run_at.py NOW SCRIPT ARGS...
"""
import runpy
import sys
import time

now = float(sys.argv[1])
time.time = lambda: now
sys.argv = sys.argv[2:]
runpy.run_path(sys.argv[0], run_name="__main__")
