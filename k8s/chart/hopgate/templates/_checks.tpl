{{/* Policies that are given and named by nobody would decide nothing; those that are named and not given would keep hopgate from
     starting. Of a dict with `place`, `config` and `policies`. */}}
{{- define "hopgate.checks.policies" -}}
{{- $named := list -}}
{{- with .config.policy }}{{ $named = .files | default list }}{{ end -}}
{{- $place := .place -}}
{{- $given := .policies | default dict -}}
{{- range $file, $_ := $given -}}
{{- if hasSuffix ".cedar" $file -}}
{{- $used := false -}}
{{- range $named -}}
{{- if regexMatch (printf "^%s$" (. | trimPrefix "./" | regexQuoteMeta | replace "\\*" "[^/]*" | replace "\\?" "[^/]")) $file }}{{ $used = true }}{{ end -}}
{{- end -}}
{{- if not $used -}}
{{- fail (printf "%s.policies: `%s` is named by no config.policy.files, so it would decide nothing. Write config.policy: {files: [\"*.cedar\"]}" $place $file) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $named -}}
{{- if not (or (regexMatch "[*?\\[/]" .) (hasKey $given .)) -}}
{{- fail (printf "%s.config.policy.files: `%s` is not in %s.policies" $place . $place) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What a schema can't say: values that contradict each other. Each message says what to write. */}}
{{- define "hopgate.checks" -}}
{{- if not (regexMatch "^[a-z]" .Release.Name) -}}
{{- fail (printf "the release's name is `%s`, expected one that begins with a letter: Services are called after it" .Release.Name) -}}
{{- end -}}
{{- range $name, $workload := .Values.workloads -}}
{{- $kept := concat (list "kube-system" "kube-public" "kube-node-lease" $.Release.Namespace) $.Values.injector.excludedNamespaces -}}
{{- if has $workload.namespace $kept -}}
{{- fail (printf "workloads.%s.namespace: nothing is injected into `%s`, so these pods would be unprotected. Give the workload a namespace of its own" $name $workload.namespace) -}}
{{- end -}}
{{- $domains := dict -}}
{{- range $upstream, $to := $workload.upstreams -}}
{{- range prepend ($to.hosts | default (list $to.address)) $upstream | uniq -}}
{{- if hasKey $domains (lower .) -}}
{{- fail (printf "workloads.%s.upstreams: `%s` stands for both `%s` and `%s`. Give each its own `hosts`" $name . (get $domains (lower .)) $upstream) -}}
{{- end -}}
{{- $_ := set $domains (lower .) $upstream -}}
{{- end -}}
{{- end -}}
{{- if ne (len $workload.config.services) 1 -}}
{{- fail (printf "workloads.%s.config.services: found %d services, expected one: a sidecar stands before one service. Write one workload for each" $name (len $workload.config.services)) -}}
{{- end -}}
{{- include "hopgate.checks.policies" (dict "place" (printf "workloads.%s" $name) "config" $workload.config "policies" $workload.policies) -}}
{{- range $file, $_ := $workload.policies -}}
{{- if has $file (list "hopgate.yaml" "envoy.yaml" "sds-certificate.yaml" "sds-authority.yaml") -}}
{{- fail (printf "workloads.%s.policies: `%s` is written by the chart. Choose another name" $name $file) -}}
{{- end -}}
{{- end -}}
{{- if and $workload.ownEnvoy $workload.upstreams -}}
{{- fail (printf "workloads.%s.upstreams: the pod has an Envoy of its own (`ownEnvoy`), which this chart does not configure. Leave out one of the two" $name) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.workloads (not .Values.injector.enabled) -}}
{{- fail "workloads: they need the injector. Write injector.enabled: true, or leave `workloads` out" -}}
{{- end -}}
{{- with .Values.shared -}}
{{- if .enabled -}}
{{- if not .config -}}
{{- fail "shared.config: missing. Write hopgate's configuration there, as in docs/configuration.md without `listen`, `admin` and `tls`" -}}
{{- end -}}
{{- if not .clients -}}
{{- fail "shared.clients: empty, so nobody could ask. List the SPIFFE ids of the gateways, such as spiffe://cluster.local/ns/gateways/sa/edge" -}}
{{- end -}}
{{- if eq (not .tls.secretName) (not .tls.certManager) -}}
{{- fail "shared.tls: write either secretName (a Secret with tls.crt, tls.key and ca.crt) or certManager: true" -}}
{{- end -}}
{{- if and .tls.certManager (not .tls.issuerRef) -}}
{{- fail "shared.tls.issuerRef: missing. Name the Issuer or ClusterIssuer whose authority signs the gateways' certificates too" -}}
{{- end -}}
{{- $several := or (gt (int .replicas) 1) .autoscaling.enabled -}}
{{- $store := "memory" -}}
{{- with .config.replay }}{{ $store = .store | default "memory" }}{{ end -}}
{{- if and $several (eq $store "memory") (not .acceptReplayPerReplica) -}}
{{- fail "shared.config.replay.store: `memory` is each replica's own, so a single-use token or DPoP proof would pass once at each. Write replay: {store: redis, redis: {url: …}}; or replicas: 1 and autoscaling.enabled: false; or acceptReplayPerReplica: true if that is what you want" -}}
{{- end -}}
{{- if and (eq $store "redis") .networkPolicy.enabled (not .networkPolicy.egress) -}}
{{- fail "shared.networkPolicy.egress: empty, so hopgate may connect to port 443 only and not to its Redis. Write - ports: [{protocol: TCP, port: 443}, {protocol: TCP, port: 6379}]" -}}
{{- end -}}
{{- if and .autoscaling.enabled (lt (int .autoscaling.maxReplicas) (int .autoscaling.minReplicas)) -}}
{{- fail (printf "shared.autoscaling.maxReplicas: found %d, expected at least minReplicas (%d)" (int .autoscaling.maxReplicas) (int .autoscaling.minReplicas)) -}}
{{- end -}}
{{- include "hopgate.checks.policies" (dict "place" "shared" "config" .config "policies" .policies) -}}
{{- range $file, $_ := .policies -}}
{{- if eq $file "hopgate.yaml" -}}
{{- fail "shared.policies: `hopgate.yaml` is written by the chart. Choose another name" -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
