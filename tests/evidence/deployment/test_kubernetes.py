"""Kubernetes manifests."""

from deployed import Reading

MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec:
  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 0}}
  template:
    spec:
      terminationGracePeriodSeconds: 60
      securityContext: {runAsNonRoot: true}
      containers:
        - name: api
          image: ghcr.io/acme/api:1.4
          args: ["uvicorn", "app:app", "--workers", "2"]
          envFrom: [{configMapRef: {name: api-config}}]
          env:
            - {name: LEVEL, value: info}
            - name: SECRET_KEY
              valueFrom: {secretKeyRef: {name: api, key: secret}}
          resources: {limits: {memory: 512Mi, cpu: "1"}}
          readinessProbe:
            httpGet: {path: /ready, port: http}
            periodSeconds: 5
          lifecycle: {preStop: {exec: {command: [sleep, "10"]}}}
          securityContext: {readOnlyRootFilesystem: true, runAsNonRoot: true, runAsUser: 1000, privileged: false}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api}
spec: {scaleTargetRef: {kind: Deployment, name: api}, minReplicas: 2, maxReplicas: 10}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: api-config}
data: {FORWARDED_ALLOW_IPS: "*"}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: api, annotations: {a: b}}
spec:
  rules: [{http: {paths: [{path: /, backend: {service: {name: api}}}]}}]
"""


def test_a_workload_tells_how_its_containers_run(reading: Reading) -> None:
    deployment = reading({"k8s/api.yaml": MANIFESTS})
    (workload,) = deployment.workloads
    (container,) = workload.containers
    assert (workload.name, workload.namespace, workload.most_replicas) == ("api", "shop", 10)
    assert (workload.termination_grace_period, workload.run_as_non_root) == (60, True)
    assert workload.max_unavailable is not None
    assert workload.max_unavailable.value == "0"
    assert container.memory_limit is not None
    assert (container.memory_limit.value, container.memory_limit.location.line) == ("512Mi", 19)
    assert container.readiness is not None
    assert container.readiness.path is not None
    assert (container.readiness.path.value, container.readiness.period, container.readiness.timeout) == ("/ready", 5, 1)
    assert (container.liveness, container.read_only_root, container.run_as_non_root) == (None, True, True)
    assert (container.run_as_user, container.privileged, container.allows_privilege_escalation) == (1000, False, None)
    assert (container.cpu_limit and container.cpu_limit.value, container.memory_request) == ("1", None)
    assert (workload.strategy and workload.strategy.value, workload.run_as_user) == ("RollingUpdate", None)
    assert container.pre_stop is not None
    level, secret = container.env
    assert (level.literal, secret.value, secret.from_secret) == ("info", None, True)


def test_config_maps_and_autoscalers_reach_the_command_and_the_arithmetic(reading: Reading) -> None:
    deployment = reading({"k8s/api.yaml": MANIFESTS})
    (command,) = deployment.commands
    assert command.forwarded_allow_ips.value == "*"
    assert command.container is not None
    total = deployment.workers_total
    assert total is not None
    assert (total.count, total.arithmetic) == (20, "api: 2 workers x 10 replicas = 20")
    assert [ingress.services for ingress in deployment.ingresses] == [("api",)]


def test_a_helm_template_is_left_alone_with_a_note(reading: Reading) -> None:
    text = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  replicas: {{ .Values.replicas }}\n"
    deployment = reading({"chart/templates/api.yaml": text})
    assert deployment.workloads == ()
    (note,) = deployment.unresolved
    assert note.message.startswith("chart/templates/api.yaml is a template")


ODD = """
just a word
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: Service
    metadata: {name: front}
    spec: {type: LoadBalancer}
  - apiVersion: v1
    kind: Service
    metadata: {name: inner}
  - {apiVersion: v1, kind: Namespace, metadata: {name: shop}}
  - {apiVersion: v1, kind: ConfigMap, metadata: {name: mixed}, data: {A: b, C: {d: e}}}
  - {apiVersion: batch/v1, kind: Job, metadata: {generateName: once-}}
  - {kind: Pod}
  - apiVersion: v1
    kind: Pod
    metadata: {name: db}
    spec:
      containers:
        - image: postgres:17
          command: postgres
          args: [-c, max_connections=300]
          env: [{value: nameless}, {name: A, value: b}]
          envFrom: [{prefix: X_}, {configMapRef: {name: mixed}}, {secretRef: {name: other}}]
          livenessProbe: always
"""


def test_what_a_manifest_leaves_out_or_mixes_up_is_passed_over(reading: Reading) -> None:
    found = reading({"k8s/odd.yaml": ODD})
    assert [(ingress.kind, ingress.services) for ingress in found.ingresses] == [("LoadBalancer", ("front",))]
    assert [front.location.line for front in found.behind_proxy] == [6]
    (settings,) = found.config_data
    assert [(entry.name, entry.literal) for entry in settings.entries] == [("A", "b")]
    (workload,) = found.workloads
    (container,) = workload.containers
    assert (workload.name, [variable.name for variable in container.env]) == ("db", ["A"])
    assert (container.env_from, container.liveness) == (("mixed", "other"), None)
    assert found.max_connections is not None
    assert (found.max_connections.value, found.max_connections.is_default) == (300, False)
    assert found.max_connections.location is not None
    assert found.max_connections.location.line == 24


def test_an_image_is_the_dockerfile_in_the_folder_of_its_name(reading: Reading) -> None:
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{image: 'acme/%s:1', %s}]}\n"
    config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {WEB_CONCURRENCY: '3'}\n"
    files = {
        "api/Dockerfile": 'FROM python:3.13-slim\nCMD ["uvicorn", "api:app"]',
        "admin/Dockerfile": 'FROM python:3.13-slim\nCMD ["uvicorn", "admin:app"]',
        "k8s/a.yaml": pod % ("admin", "envFrom: [{configMapRef: {name: d}}, {configMapRef: {name: c}}]"),
        "k8s/c.yaml": config,
    }
    (command,) = [command for command in reading(files).commands if command.workload]
    assert (command.target.value, command.workers.number) == ("admin:app", 3)
