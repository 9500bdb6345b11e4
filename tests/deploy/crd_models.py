"""Read resources of KEDA and of the Prometheus operator with types made from their own CRDs.

Run by the Python of `make deploy-tools`; the text is on standard input. Prints a line for each
resource: `ok`, or how it reads otherwise (a field that the CRD does not know is not there).
"""

from __future__ import annotations

import sys
from typing import Any


def main() -> None:
    """Check every resource whose type is known here."""
    import yaml
    from cloudcoil.models.keda import v1alpha1 as keda
    from cloudcoil.models.prometheus_operator import v1 as monitoring

    types: dict[tuple[str, str], Any] = {
        ("keda.sh/v1alpha1", "ScaledObject"): keda.ScaledObject,
        ("keda.sh/v1alpha1", "TriggerAuthentication"): keda.TriggerAuthentication,
        ("monitoring.coreos.com/v1", "ServiceMonitor"): monitoring.ServiceMonitor,
        ("monitoring.coreos.com/v1", "PrometheusRule"): monitoring.PrometheusRule,
    }
    for one in yaml.safe_load_all(sys.stdin):
        known = types.get((one["apiVersion"], one["kind"])) if one else None
        if known is not None:
            print(f"{one['kind']}/{one['metadata']['name']}: {_difference(known, one)}")


def _difference(known: Any, one: dict[str, Any]) -> str:
    try:
        read = known.model_validate(one)
    except ValueError as error:
        return " ".join(str(error).split())
    back = read.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return "ok" if back == one else f"reads as {back}"


if __name__ == "__main__":
    main()
