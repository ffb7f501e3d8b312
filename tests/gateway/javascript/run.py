"""Runs the JavaScript tests against a cluster of their own: run.py FOLDER

FOLDER keeps the installed packages and npm's cache, so that a second run needs no network.
FASTPATH_BIN names the folder of the built fastpathd and fastpath.
"""

import filecmp
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "python"))
import harness  # noqa: E402


def install(folder):
    """What package-lock.json says, by `npm ci`; the source tree stays as it is."""
    installed = folder / "node_modules" / "package-lock.json"
    wanted = HERE / "package-lock.json"
    if installed.exists() and filecmp.cmp(installed, wanted, shallow=False):
        return
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    subprocess.run(["npm", "ci", "--cache", folder / "npm_cache", "--prefer-offline", "--no-audit", "--no-fund",
                    "--ignore-scripts"], cwd=folder, check=True)
    shutil.copy(wanted, installed)


def main():
    folder = pathlib.Path(sys.argv[1]).resolve()
    install(folder)
    cluster = harness.cluster()
    environment = {
        **os.environ, **cluster.settings, "NODE_PATH": str(folder / "node_modules"),
        "FASTPATH_GATEWAYS": ",".join(str(cluster.port(node)) for node in range(harness.NODES)),
        "FASTPATH_TEST_DATA": str(cluster.data), "FASTPATH_UP": str(harness.ROOT / "cluster/up")}
    # Those that kill nodes disturb what follows. Those that judge one transaction's answer come late: a
    # young cluster still moves leaders, and a transaction whose leader goes may be cancelled.
    order = ("document", "operations", "retry_once", "kill_leader")
    tests = [HERE / f"{name}.test.js" for name in order]
    if set(tests) != set(HERE.glob("*.test.js")):
        raise SystemExit("a file of tests is in no order")
    failed = False
    for test in tests:
        failed |= subprocess.run(["node", "--test", test], env=environment, check=False).returncode != 0
    cluster.stop(keep_data=failed)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
