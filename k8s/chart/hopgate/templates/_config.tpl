{{/* The configuration beside an Envoy: the workload's own, and where its Envoy asks. */}}
{{- define "hopgate.config.sidecar" -}}
{{- $placed := dict "listen" "unix:/run/hopgate/check.sock" "admin" "0.0.0.0:9902" -}}
{{/* Another image's user opens it; the volume is mounted by the two of them only. */}}
{{- if .ownEnvoy }}{{ $_ := set $placed "socket_mode" "0666" }}{{ end -}}
{{ toYaml (merge $placed .config) }}
{{- end -}}

{{/* The shared one's: TLS, and who may ask. */}}
{{- define "hopgate.config.shared" -}}
{{- $tls := dict "certificate_file" "/etc/hopgate-tls/tls.crt" "key_file" "/etc/hopgate-tls/tls.key" "client_ca_file" "/etc/hopgate-tls/ca.crt" "clients" .clients -}}
{{ toYaml (merge (dict "listen" "0.0.0.0:9191" "admin" "0.0.0.0:9902" "tls" $tls) .config) }}
{{- end -}}

{{/* What hopgate takes while serving needs no new pod; these do. */}}
{{- define "hopgate.config.atStart" -}}
{{ pick .config "watch" "replay" "dpop" "audit" "otlp" "limits" | toJson | sha256sum }}
{{- end -}}

{{/* Whether any route is judged by its body, so that Envoy has to hand it over. */}}
{{- define "hopgate.readsBodies" -}}
{{- range .config.services -}}
{{- range .routes -}}
{{- if or .body .match.mcp (and .match.a2a (or .match.a2a.json_rpc .match.a2a.rest)) -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether answers may be streams: those of MCP, A2A and gRPC. */}}
{{- define "hopgate.streams" -}}
{{- range .config.services -}}
{{- range .routes -}}
{{- if or .match.mcp .match.a2a .match.grpc -}}true{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
