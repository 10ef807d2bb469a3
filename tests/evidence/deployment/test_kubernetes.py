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
          securityContext: {readOnlyRootFilesystem: true}
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
    assert (container.liveness, container.read_only_root) == (None, True)
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
