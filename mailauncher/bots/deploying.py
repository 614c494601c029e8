"""Runs the worker of a deployment under the name that servers up to commit be0fa2d start it by.

Such a server may still run when its package is replaced by this one, and then starts what it finds here. To be removed with
the second release after 0.1.
"""

import runpy

if __name__ == "__main__":
    runpy.run_module("bots.deploying", run_name="__main__", alter_sys=True)
