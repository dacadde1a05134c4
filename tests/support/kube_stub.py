"""A Kubernetes for tests: Jobs, Secrets and pods by HTTP, and pods that are processes here.

It knows what a launcher needs, in the words of the API's documentation. A container of the image
`IMAGE` runs at once; others cannot be pulled. No node has a label, so no pod that selects one is
placed. A Job does not replace pods that fail, as with a ``backoffLimitPerIndex`` of 0. One that is
complete is deleted at once.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import uuid
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

__all__ = ["IMAGE", "KubeStub"]

IMAGE: Final = "registry.example/here:1"

_INDEX: Final = "batch.kubernetes.io/job-completion-index"
_JOB: Final = "batch.kubernetes.io/job-name"

_MAX_MESSAGE_BYTES: Final = 2048


class KubeStub:
    """The cluster.

    Attributes:
        objects: that there are, by kind and name.
        refusal: why the cluster creates nothing; empty if it does.
        room: how many pods can run.
    """

    def __init__(self, folder: Path) -> None:
        self.objects: dict[str, dict[str, Any]] = {"jobs": {}, "pods": {}, "secrets": {}}
        self.refusal = ""
        self.room = 1000
        self._folder = folder
        self._changing = threading.RLock()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.stub = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> KubeStub:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for process in list(self._processes.values()):
            _signal(process, signal.SIGKILL)
            process.wait()

    def write_config(self) -> str:
        """Write a file that says how the cluster is reached, and return its path."""
        path = self._folder / "kubeconfig"
        url = f"http://127.0.0.1:{self._server.server_port}"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "stub",
            "contexts": [{"name": "stub", "context": {"cluster": "stub", "user": "stub"}}],
            "clusters": [{"name": "stub", "cluster": {"server": url}}],
            "users": [{"name": "stub", "user": {}}],
        }
        path.write_text(json.dumps(config))
        return str(path)

    def running(self) -> dict[str, int]:
        """Return the processes of the pods that run, by the names of these."""
        with self._changing:
            return {
                name: self._processes[name].pid
                for name, pod in self.objects["pods"].items()
                if pod["status"]["phase"] == "Running"
            }

    def waiting(self) -> list[str]:
        """Return the names of the pods that do not run yet."""
        with self._changing:
            pods = self.objects["pods"].items()
            return [name for name, pod in pods if pod["status"]["phase"] == "Pending"]

    def evict(self, name: str) -> None:
        """End a pod for want of memory on its node."""
        with self._changing:
            self.objects["pods"][name]["status"].update(
                reason="Evicted", message="The node was low on resource: memory."
            )
        _signal(self._processes[name], signal.SIGKILL)

    # The API

    def answer(self, method: str, url: str, body: Any) -> tuple[int, Any]:
        """Return the status and the object with which a request is answered."""
        split = urlsplit(url)
        _, _, place = split.path.partition("/namespaces/")
        _, kind, *names = place.split("/")
        with self._changing:
            if method == "POST":
                return self._create(kind, body)
            if not names:
                selected = self._selected(kind, parse_qs(split.query)["labelSelector"][0])
                if method == "DELETE":
                    for each in selected:
                        self._delete(kind, each["metadata"]["name"])
                return 200, {"items": selected}
            found = self.objects[kind].get(names[0])
            if found is None:
                return 404, {"message": f'{kind} "{names[0]}" not found'}
            if method == "DELETE":
                self._delete(kind, names[0])
            return 200, found

    def _selected(self, kind: str, selector: str) -> list[Any]:
        wanted = {
            label: values.split(",")
            for label, one, some in re.findall(r"([^=, ]+)(?:=([^,]*)| in \(([^)]*)\))", selector)
            for values in [one or some]
        }
        return [
            each
            for each in self.objects[kind].values()
            if all(each["metadata"]["labels"].get(label) in wanted[label] for label in wanted)
        ]

    def _create(self, kind: str, body: Any) -> tuple[int, Any]:
        if self.refusal:
            return 403, {"message": self.refusal}
        body["metadata"]["uid"] = str(uuid.uuid4())
        self.objects[kind][body["metadata"]["name"]] = body
        if kind == "jobs":
            body["status"] = {"failedIndexes": "", "completedIndexes": ""}
            for index in range(body["spec"]["completions"]):
                self._add_pod(body, str(index))
        else:
            for pod in list(self.objects["pods"].values()):
                self._run_if_ready(pod)
        return 201, body

    def _delete(self, kind: str, name: str) -> None:
        """Delete an object, and all that it owns."""
        deleted = self.objects[kind].pop(name, None)
        if kind == "pods" and name in self._processes:
            _signal(self._processes[name], signal.SIGTERM)
        if deleted is None or kind != "jobs":
            return
        for owned_kind in ("pods", "secrets"):
            for owned in list(self.objects[owned_kind].values()):
                owners = owned["metadata"].get("ownerReferences", ())
                if any(owner["uid"] == deleted["metadata"]["uid"] for owner in owners):
                    self._delete(owned_kind, owned["metadata"]["name"])

    # Its controllers, and the node

    def _add_pod(self, job: Any, index: str) -> None:
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        pod = {
            "metadata": {
                "name": f"{name}-{index}-{uuid.uuid4().hex[:5]}",
                "labels": {
                    **job["spec"]["template"]["metadata"]["labels"],
                    _JOB: name,
                    _INDEX: index,
                },
                "ownerReferences": [{"kind": "Job", "name": name, "uid": uid}],
            },
            "spec": job["spec"]["template"]["spec"],
            "status": {"phase": "Pending"},
        }
        self.objects["pods"][pod["metadata"]["name"]] = pod
        self._run_if_ready(pod)

    def _run_if_ready(self, pod: Any) -> None:
        spec, status = pod["spec"], pod["status"]
        image = spec["containers"][0]["image"]
        secret = self.objects["secrets"].get(spec["volumes"][0]["secret"]["secretName"])
        if "nodeSelector" in spec or len(self.running()) >= self.room:
            status["conditions"] = [
                {
                    "type": "PodScheduled",
                    "status": "False",
                    "reason": "Unschedulable",
                    "message": "0/1 nodes are available",
                }
            ]
        elif image != IMAGE:
            reason = {"reason": "ErrImagePull", "message": f"{image}: not found"}
            status["containerStatuses"] = [{"state": {"waiting": reason}}]
        elif secret is not None and status["phase"] == "Pending":
            self._run(pod, secret)

    def _run(self, pod: Any, secret: Any) -> None:
        name, container = pod["metadata"]["name"], pod["spec"]["containers"][0]
        folder = self._folder / name
        folder.mkdir()
        for file, text in secret["stringData"].items():
            (folder / file).write_text(text)
        variables = {
            "POD_NAME": name,
            "JOB_COMPLETION_INDEX": pod["metadata"]["labels"][_INDEX],
        }
        mounted = container["volumeMounts"][0]["mountPath"]
        words = [*container["command"], *container["args"]]
        with (folder / "log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [_filled(word.replace(mounted, str(folder)), variables) for word in words],
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        pod["status"]["phase"] = "Running"
        threading.Thread(target=self._wait, args=(pod, folder / "log"), daemon=True).start()

    def _wait(self, pod: Any, log: Path) -> None:
        code = self._processes[pod["metadata"]["name"]].wait()
        job_name = pod["metadata"]["labels"][_JOB]
        with self._changing:
            job = self.objects["jobs"].get(job_name)
            status = pod["status"]
            status["phase"] = "Failed" if code else "Succeeded"
            if "reason" not in status:
                message = log.read_bytes()[-_MAX_MESSAGE_BYTES:].decode() if code else ""
                ended = {"exitCode": 128 - code if code < 0 else code, "message": message}
                status["containerStatuses"] = [{"state": {"terminated": ended}}]
            if job is not None:
                self._note_end(job, pod)

    def _note_end(self, job: Any, pod: Any) -> None:
        """Do what the controller of Jobs does when a pod has ended."""
        status, spec = job["status"], job["spec"]
        has_succeeded = pod["status"]["phase"] == "Succeeded"
        field = "completedIndexes" if has_succeeded else "failedIndexes"
        index = pod["metadata"]["labels"][_INDEX]
        status[field] = ",".join(filter(None, (status[field], index)))
        ended = ",".join(filter(None, (status["completedIndexes"], status["failedIndexes"])))
        if len(ended.split(",")) == spec["completions"]:
            type = "Failed" if status["failedIndexes"] else "Complete"
            status["conditions"] = [{"type": type, "status": "True"}]
            if type == "Complete" and spec["ttlSecondsAfterFinished"]:
                self._delete("jobs", job["metadata"]["name"])


def _filled(word: str, variables: dict[str, str]) -> str:
    return re.sub(r"\$\((\w+)\)", lambda found: variables[found[1]], word)


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        stub = self.server.stub  # type: ignore[attr-defined]
        status, answer = stub.answer(self.command, self.path, body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815  # the names of http.server

    def log_message(self, format: str, *args: Any) -> None:
        pass
