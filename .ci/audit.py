"""Ask for known vulnerabilities of every pinned package; never call clean what was not audited."""

import json
import subprocess
import sys
from pathlib import Path

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"


def main() -> int:
    """Print what was found; the status is 1 if a package has a known vulnerability."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps"]
    command += ["--disable-pip", "--format", "json", "--progress-spinner", "off"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        packages = json.loads(found.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (found.stderr.strip().splitlines() or ["no answer"])[-1]
        print(f"not audited: {reason[:300]}")
        return 0
    return judge(packages)


def judge(packages: list[dict[str, object]]) -> int:
    """Say how many packages were audited and what is known of them."""
    skipped = [str(package["name"]) for package in packages if "skip_reason" in package]
    bad = [package for package in packages if package.get("vulns")]
    for package in bad:
        ids = ", ".join(str(one["id"]) for one in package["vulns"])  # type: ignore[attr-defined]
        print(f"{package['name']} {package['version']}: {ids}")
    count = len(packages)
    if skipped or not packages:
        print(
            f"not audited: {len(skipped)} of {count} packages, the first are "
            f"{', '.join(skipped[:3]) or 'none'}; the advisory service does not answer for them"
        )
    elif not bad:
        print(f"clean: none of {count} packages has a known vulnerability")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
