"""What a sleigh asks of a Kubernetes cluster, by the official client.

Objects are plain data here, as the API has them: the client's own classes refuse fields and values
that are younger than they are.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, Final

from nws.errors import SleighIllegalValueException, SleighScriptException

__all__ = ["KubernetesApi", "Thing"]

Thing = Mapping[str, Any]
"""An object of the API."""

_NOT_FOUND: Final = 404
_SUCCESSES: Final = range(200, 300)


class KubernetesApi:
    """One namespace of the cluster that kubectl uses, or in which we run."""

    def __init__(self, namespace: str) -> None:
        """Read how the cluster is reached; it is not asked yet.

        Raises:
            SleighIllegalValueException: there is no client, or nothing says how.
        """
        try:
            from kubernetes import client, config  # takes 0.5 s
        except ModuleNotFoundError as error:
            raise SleighIllegalValueException(
                f"launch='kubernetes' needs the package {error.name}, which {sys.executable} does "
                "not have: pip install 'networkspaces[kubernetes]'"
            ) from error
        try:
            try:
                config.load_kube_config()
            except config.ConfigException:
                config.load_incluster_config()
        except config.ConfigException as error:
            raise SleighIllegalValueException(
                "launch='kubernetes': nothing says how a cluster is reached, neither "
                f"~/.kube/config (or KUBECONFIG) nor the place of this process: {error}"
            ) from error
        self._namespace = namespace
        self._core, self._batch = client.CoreV1Api(), client.BatchV1Api()

    def create_job(self, job: Thing, timeout: float) -> Thing:
        """Create a Job, and return it.

        Args:
            job: to be created.
            timeout: seconds for an answer, as for all methods.

        Raises:
            SleighScriptException: the cluster refuses, or does not answer; so do all methods.
        """
        return self._ask(self._batch.create_namespaced_job, timeout, body=job)

    def create_secret(self, secret: Thing, timeout: float) -> None:
        """Create a Secret."""
        self._ask(self._core.create_namespaced_secret, timeout, body=secret)

    def jobs(self, selector: str, timeout: float) -> list[Thing]:
        """Return the Jobs with a label."""
        listed = self._ask(self._batch.list_namespaced_job, timeout, label_selector=selector)
        return list(listed["items"])

    def pods(self, selector: str, timeout: float) -> list[Thing]:
        """Return the pods with a label."""
        listed = self._ask(self._core.list_namespaced_pod, timeout, label_selector=selector)
        return list(listed["items"])

    def delete_pods(self, selector: str, timeout: float) -> None:
        """Delete the pods with these labels."""
        delete = self._core.delete_collection_namespaced_pod
        self._ask(delete, timeout, label_selector=selector)

    def delete_job(self, name: str, timeout: float) -> None:
        """Delete a Job if it is there, with all that it owns."""
        delete = self._batch.delete_namespaced_job
        with suppress(_NotFound):
            self._ask(delete, timeout, name=name, propagation_policy="Background")

    def _ask(self, call: Callable[..., Any], timeout: float, **arguments: Any) -> Thing:
        from kubernetes.client import ApiException
        from urllib3.exceptions import HTTPError

        try:
            response = call(
                namespace=self._namespace,
                _preload_content=False,
                _request_timeout=timeout,
                **arguments,
            )
            status, text = response.status, response.data
        except ApiException as error:
            status, text = error.status, error.body or str(error.reason)
        except HTTPError as error:
            raise SleighScriptException(f"the cluster does not answer: {error}") from error
        if status == _NOT_FOUND:
            raise _NotFound(f"the cluster does not have it: {_message(text)}")
        if status not in _SUCCESSES:
            raise SleighScriptException(f"the cluster refuses ({status}): {_message(text)}")
        try:
            answer: Thing = json.loads(text)
        except ValueError as error:
            raise SleighScriptException(f"what the cluster answers is no JSON: {error}") from error
        return answer


class _NotFound(SleighScriptException):
    """The cluster does not have what was asked for."""


def _message(text: str | bytes) -> str:
    """Return what the API says of a refusal."""
    try:
        return str(json.loads(text)["message"])
    except (ValueError, LookupError, TypeError):
        return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
